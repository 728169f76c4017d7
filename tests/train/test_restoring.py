"""States of checkpoints that do not fit are refused, and settings of runs have the ranges that are said."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from archdsl.diagnostics import SpecError
from archdsl.runs import checkpoints
from archdsl.runs.journal import Journal
from archdsl.runs.limits import LIMITS, Limit, demand_within
from archdsl.runs.lines import Mark, is_of
from archdsl.runs.restoring import like, optimiser_state, part
from archdsl.runs.unfit import Unfit


@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
def test_a_number_below_its_least_or_not_finite_does_not_fit(value: float):
    assert part({"best": 0.0}, "best", float, least=0.0) == 0.0
    with pytest.raises(Unfit, match="at least"):
        part({"best": value}, "best", float, least=0.0)


def test_a_state_has_the_names_that_are_wanted_and_no_others():
    wanted = {"a": torch.zeros(2), "inside": {"b": 1}}
    assert like({"net": wanted}, "net", wanted) is wanted
    with pytest.raises(Unfit, match=r"no `net\.inside\.b`"):
        like({"net": {"a": torch.zeros(2), "inside": {}}}, "net", wanted)
    with pytest.raises(Unfit, match=r"`net\.inside\.c`, which this run does not have"):
        like({"net": {"a": torch.zeros(2), "inside": {"b": 1, "c": 2}}}, "net", wanted)


def stepped(optimiser: torch.optim.Optimizer, weight: torch.nn.Parameter) -> dict[str, object]:
    weight.grad = torch.ones_like(weight)
    optimiser.step()
    return optimiser.state_dict()


@pytest.mark.parametrize("change", [torch.zeros(3), torch.full((2,), math.nan), torch.zeros(2).double(), 1.0])
def test_what_an_optimizer_remembers_of_a_weight_is_a_tensor_of_its_shape_type_and_numbers(change: object):
    weight = torch.nn.Parameter(torch.ones(2))
    optimiser = torch.optim.Adam([weight])
    state = stepped(optimiser, weight)
    assert optimiser_state({"adam": state}, "adam", optimiser)["state"][0]["exp_avg"].shape == (2,)
    state["state"][0]["exp_avg"] = change  # type: ignore[index]
    with pytest.raises(Unfit, match="exp_avg"):
        optimiser_state({"adam": state}, "adam", optimiser)


@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
def test_the_ends_of_a_range_belong_to_it_unless_it_is_said_to_be_open(limit: Limit):
    assert limit.holds(limit.low) is not limit.low_open
    assert limit.holds(limit.high) is not limit.high_open
    step = 1 if limit.kind is int else 1e-9
    assert limit.holds(limit.low + step)
    assert not limit.holds(limit.low - step)
    assert not limit.holds(limit.high + max(step, limit.high * 1e-9))
    for other in (True, "1", math.nan, math.inf):
        assert not limit.holds(other)


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "step-000000001.pt"
    with monkeypatch.context() as later:
        later.setattr(checkpoints, "_VERSION", 3)
        checkpoints.save_state(path, {"best": 1.0}, step=1)
    with pytest.raises(SpecError, match="its format version is 3, expected 2"):
        checkpoints.load_state(path)


@pytest.mark.parametrize(("lines", "fits"), [(0, True), (7, True), (-1, False), (1.0, False), (True, False)])
def test_a_position_in_a_journal_is_a_number_of_lines(lines: object, fits: bool):
    state = {"journal": {"lines": lines, "sha256": None}}
    if fits:
        assert Mark.read(state) == Mark(lines)  # type: ignore[arg-type]
        return
    with pytest.raises(Unfit, match="no journal position"):
        Mark.read(state)


@pytest.mark.parametrize(
    ("record", "step", "kept"),
    [
        ({"step": 3}, 3, True),
        ({"step": 4}, 3, False),
        ({"step": -1}, 3, False),
        ({"step": "3"}, 3, False),
        ({"step": "3"}, None, False),
        ({"step": 4}, None, True),
        ({}, 0, True),
        (None, None, False),
    ],
)
def test_a_record_is_kept_up_to_the_step_of_the_checkpoint(record: dict | None, step: int | None, kept: bool):
    assert is_of(record, step) is kept


def test_a_journal_that_was_mended_has_the_lines_that_are_left_and_takes_more(tmp_path: Path):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.write_all([{"step": n} for n in range(4)])
    mark = journal.mark()
    path.write_bytes(path.read_bytes().replace(b'{"step": 1}', b'{"step"; 1}', 1))
    journal = Journal(path)
    journal.cut(*mark, step=3)
    assert len(journal) == 3
    journal.write({"step": 4})
    assert [one["step"] for one in journal.records()] == [0, 2, 3, 4]
    assert journal.mark().lines == 4
    journal.cut(*journal.mark())
    assert len(journal) == 4


def test_a_long_value_that_is_out_of_range_is_cut_in_the_message():
    with pytest.raises(SpecError) as raised:
        demand_within({"epochs": "x" * 38, "lr": "y" * 39})
    shown = [d.headline.rpartition("got ")[2] for d in raised.value.diagnostics]
    assert sorted(map(len, shown)) == [40, 40]
    assert sorted(one[-1] for one in shown) == ["'", "…"]
