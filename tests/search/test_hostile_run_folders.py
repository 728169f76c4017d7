"""Folders of searches by trials that were damaged, or made to harm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from archdsl.cli import run

SPACE = """arch 1
space S {
  input image: [3, 16, 16]
  d = one of {1, 3}
  output y = image -> conv(c = 11, k = d)
}
search Q for S { minimize params strategy = random evaluate = costs trials = 3 }
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("searched")
    (folder / "s.arch").write_text(SPACE)
    assert run(["search", f"{folder}/s.arch", "-o", f"{folder}/run"]) == 0
    return folder


def damaged(finished: Path, tmp_path: Path, how: str) -> Path:
    shutil.copytree(finished, tmp_path / "copy")
    journal = tmp_path / "copy" / "run" / "journal.jsonl"
    if how == "its first line is no text":
        journal.write_bytes(b"\xff\xfe" + journal.read_bytes()[2:])
        return tmp_path / "copy"
    journal.unlink()
    if how == "a device without an end":
        journal.symlink_to("/dev/zero")
    else:
        journal.mkdir()
    return tmp_path / "copy"


@pytest.mark.parametrize("how", ["its first line is no text", "a device without an end", "a folder"])
def test_a_journal_that_is_none_ends_every_verb_with_a_finding(how: str, finished, tmp_path: Path, capsys):
    folder = damaged(finished, tmp_path, how)
    assert run(["search", f"{folder}/s.arch", "--resume", f"{folder}/run"]) in (1, 2)
    assert run(["front", f"{folder}/run"]) == 1
    assert run(["runs", f"{folder}"]) == 0
    assert "internal error" not in capsys.readouterr().err


@pytest.mark.parametrize("value", ["x", 3, None, [], {}, "missing"])
def test_a_manifest_with_an_entry_of_another_type_or_none_ends_every_verb_with_a_finding(
    value: object, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(finished, tmp_path / "copy")
    file = tmp_path / "copy" / "run" / "manifest.json"
    written = json.loads(file.read_text())
    places = [("settings", key) for key in written["settings"]] + [(key,) for key in written]
    for *inside, key in places:
        damaged = {**written, "settings": dict(written["settings"]), "sha256": "edited"}
        holder = damaged["settings"] if inside else damaged
        if value == "missing":
            holder.pop(key)
        else:
            holder[key] = value
        file.write_text(json.dumps(damaged))
        for words in (["search", f"{tmp_path}/copy/s.arch", "--resume"], ["report"], ["front"]):
            assert run([*words, f"{tmp_path}/copy/run"]) in (0, 1, 2), (inside, key, words)
    assert "internal error" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--minimize", 'latency(device = "none")'], ["--strategy", ""], ["--evaluate", " "]]
)
def test_a_search_that_cannot_begin_leaves_no_folder(words: list[str], tmp_path: Path):
    (tmp_path / "s.arch").write_text(SPACE)
    assert run(["search", f"{tmp_path}/s.arch", "-o", f"{tmp_path}/run", *words]) == 1
    assert not (tmp_path / "run").exists()
