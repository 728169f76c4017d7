"""Searches by trials to run in tests: tiny spaces whose networks are proposed in turn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from archdsl.configs.objectives import NoSettings
from archdsl.configs.strategies import StrategyKind
from archdsl.configs.words import STRATEGIES
from archdsl.runs.lines import read_records
from archdsl.search.strategies.base import Proposal

TWO = """arch 1

space Two(; classes = 11) {
  input image: [3, 32, 64]
  x = image -> conv(c = 4, s = 2) -> bn -> relu
  y = one of {small: x -> conv(c = 4, k = 1), large: x -> conv(c = 4)}
  output logits = y -> relu -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""


class InTurn:
    """Every network in turn, the first ones for the epochs of `rungs`."""

    rungs: tuple[int, ...] = ()

    def __init__(self, config: Any, domain: Any, seed: int):
        self.ahead: Iterator[tuple[int, ...]] = product(*map(range, domain.sizes))
        self.epochs = iter(self.rungs)

    def propose(self) -> Proposal | None:
        found = next(self.ahead, None)
        return None if found is None else Proposal(found, next(self.epochs, None))

    def observe(self, seen: Any) -> None:
        pass


def register_in_turn(monkeypatch: pytest.MonkeyPatch, rungs: tuple[int, ...] = ()) -> None:
    """Makes `in_turn` a strategy for one test."""
    made = type("InTurn", (InTurn,), {"rungs": rungs})
    monkeypatch.setitem(STRATEGIES, "in_turn", StrategyKind("every network in turn", NoSettings, make=made))


def search_of(clauses: str, space: str = TWO) -> str:
    """The text of a search by trials, with its clauses separated by semicolons."""
    name = space.partition("space ")[2].partition("(")[0].split()[0]
    lines = "\n".join(f"  {clause.strip()}" for clause in ("strategy = in_turn", *clauses.split(";")))
    return f"{space}\nsearch Q for {name} {{\n{lines}\n}}\n"


def trials(folder: Path) -> list[dict[str, Any]]:
    """The trials in the journal of a run."""
    return [record for record in read_records(folder / "journal.jsonl") if record["kind"] == "tried"]
