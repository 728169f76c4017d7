"""The Python on the page about cost runs."""

from __future__ import annotations

import re

from archdsl.resources import specs_folder

PAGE = specs_folder().parent / "docs" / "cost.md"


def test_the_examples_on_the_page_run_and_say_what_it_says(monkeypatch, capsys):
    monkeypatch.chdir(PAGE.parent.parent)
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for block in blocks:
        exec(block.replace("1_000_000", "2_000"), names)
    assert len(blocks) == 2
    assert names["least"].exact
    assert names["least"].price <= min(names["macs"])
    assert 0 < names["alive"] < 1
    assert float(capsys.readouterr().out) > 30
