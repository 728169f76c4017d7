"""Every strategy on shipped spaces: cells, depths, templates decided once, and widths."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl.configs.words import STRATEGIES
from archdsl.devices import objective
from archdsl.passes.costs.space_cost import SpaceCost
from archdsl.program import Program, Space

SPECS = Path(__file__).parents[2] / "specs"
SPACES = {
    "space.arch": {"image": (3, 32, 64)},
    "autortnet.arch": {"image": (3, 64, 128), "cells": (1, 2, 2)},
    "template_small.arch": {"image": (3, 32, 64)},
    "elastic.arch": {"image": (3, 32, 64)},
}
BY_TRIALS = [name for name in STRATEGIES if name != "differentiable"]


@pytest.fixture(scope="module", autouse=True)
def _spaces_are_kept() -> Iterator[None]:
    """Spaces are kept from one search to the next, with the tables of their costs."""
    with pytest.MonkeyPatch.context() as patch:
        make = Program.space

        @cache
        def kept(path: Path, name: str | None, settings: tuple[tuple[str, Any], ...]) -> Space:
            return make(archdsl.load(path), name, **dict(settings))

        def space(self: Program, name: str | None = None, **settings: Any) -> Space:
            return kept(self.unit.path, name, tuple(sorted(settings.items())))

        costs: dict[int, SpaceCost] = {}
        patch.setattr(Program, "space", space)
        patch.setattr(objective, "SpaceCost", lambda graph: costs.setdefault(id(graph), SpaceCost(graph)))
        yield


@pytest.mark.parametrize("strategy", BY_TRIALS)
@pytest.mark.parametrize("spec", SPACES)
def test_every_strategy_searches_every_space_by_costs(spec: str, strategy: str, tmp_path: Path) -> None:
    found = archdsl.search(
        SPECS / spec, strategy=strategy, evaluate="costs", maximize="params", require="macs <= 200M",
        settings={"trials": 12, "parallel": 3, **SPACES[spec]}, folder=tmp_path,
    )  # fmt: skip
    assert len(found.trials) == 12
    assert len({(trial.outcomes, trial.epochs) for trial in found.trials}) == 12
    assert all(trial.state == "scored" and trial.costs["macs"] <= 200e6 for trial in found.trials)
    longest = max(trial.epochs or 0 for trial in found.trials)
    most = max(trial.costs["params"] for trial in found.trials if (trial.epochs or 0) == longest)
    assert archdsl.load(tmp_path / "best.arch").network(**SPACES[spec]).params == most


@pytest.mark.parametrize("strategy", BY_TRIALS)
@pytest.mark.parametrize("spec", SPACES)
def test_every_strategy_searches_every_space_by_short_trainings(
    spec: str, strategy: str, tmp_path: Path
) -> None:
    height, width = SPACES[spec]["image"][1:]
    found = archdsl.search(
        SPECS / spec, strategy=strategy, evaluate="training(epochs = 1)", maximize="accuracy",
        data=f"synthetic:images=2,size={height}x{width}", folder=tmp_path,
        settings={"trials": 2, "batch": 2, **SPACES[spec]},
    )  # fmt: skip
    assert [trial.state for trial in found.trials] == ["scored"] * 2
    assert all(0 <= trial.scores["accuracy"] <= 1 for trial in found.trials)
