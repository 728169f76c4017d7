"""Bars on terminals: they move the cursor, and what they show of names cannot."""

from __future__ import annotations

import io
import sys

import pytest

from archdsl.cli import search_text, train_text
from archdsl.cli.printing import printed
from archdsl.cli.reporting import Bar
from archdsl.search.progress import SearchProgress
from archdsl.train.recipe import TrainProgress

HOSTILE = "conv\x1b]0;title\x07 [red]x[/red]"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, use) -> str:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal)
    with printed():
        use()
    return terminal.getvalue()


def timing() -> None:
    with Bar() as bar:
        bar.show(HOSTILE, 0.5, 12.0)


def searching() -> None:
    with search_text.shown(0, 8) as report:
        report(SearchProgress(1, 8, 0, 2, 0.5, 0.4, {HOSTILE: 3.0}))


def training() -> None:
    with train_text.shown(0, 8, 4) as report:
        report(TrainProgress(1, 8, 1, 0.5, 0.1))
        report(TrainProgress(4, 8, 1, 0.5, 0.1, miou=0.25))


@pytest.mark.parametrize("use", [timing, searching, training])
def test_a_bar_moves_the_cursor_and_shows_no_control_character_of_a_name(monkeypatch, use):
    text = shown(monkeypatch, use)
    assert "\x1b[?25l" in text  # the cursor is hidden while the bar is drawn, and shown again
    assert text.rstrip().endswith("\x1b[2K") or "\x1b[?25h" in text
    assert "\N{SYMBOL FOR ESCAPE}" not in text.replace("\N{SYMBOL FOR ESCAPE}]0;title", "")
    assert "\x1b]0;" not in text
    if use is not training:
        assert "[red]x" in text
