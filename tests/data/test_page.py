"""The page about data says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from datasets import image_of, write

import archdsl
from archdsl.configs.datasets import DATASETS
from archdsl.data import open_part
from archdsl.data.dataset_settings import read_settings
from archdsl.data.source import parse_data
from archdsl.search.reading import read_config

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "data.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def test_the_python_on_the_page_prints_what_it_says(capsys):
    exec(block("python"), {})
    assert f"```text\n{capsys.readouterr().out}```" in TEXT


def test_the_specs_on_the_page_are_accepted():
    found = re.findall(r"^```arch\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert len(found) == 2
    for text in found:
        program = archdsl.load(ROOT / "specs" / "example.arch", text=text)
        program.check()
        plan = read_config(program.search())
        read_settings(plan.data, plan.data_settings)


def test_the_list_of_classes_on_the_page_is_read_as_it_says(tmp_path):
    listed = re.search(r"^```text\n(7: road.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    assert listed
    mask = np.array([[7, 8], [9, 26]], np.uint8)
    write(tmp_path / "images" / "train" / "a.png", image_of(mask))
    write(tmp_path / "masks" / "train" / "a.png", mask)
    (tmp_path / "classes.txt").write_text(listed[1], "utf-8")
    data = open_part("folder", {"path": str(tmp_path)}, "train")
    assert data.classes == ("road", "sidewalk", "car")
    assert data.colours[:2] == ((128, 64, 128), (244, 35, 232))
    assert data[0].mask.tolist() == [[0, 1], [1, 2]]


def test_the_words_for_the_command_line_on_the_page_are_settings():
    for words in re.findall(r"^\| `--data ([^`]+)`", TEXT, re.MULTILINE):
        word = parse_data(words)
        read_settings(word.kind, word.settings)
        assert word.settings["path"] in ("street", "./k=1")


def test_every_setting_that_a_search_may_give_is_on_the_page():
    table = TEXT.partition("## Options of datasets")[2].partition("## Batches")[0]
    rows = [row.split("|")[1] for row in table.split("\n") if "|" in row]
    listed = set(re.findall(r"`(\w+)`", "".join(rows)))
    assert listed == {setting for kind in DATASETS.values() for setting in kind.settings}
