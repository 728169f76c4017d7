"""How long a search will take: what is counted, and that the search is as it was before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archdsl.search.differentiable import forecast, step
from archdsl.search.differentiable.driver import CHECKPOINT_STEPS
from archdsl.search.evaluators import from_scratch
from small_search import quiet, search


class Clock:
    """Seconds that pass where a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def after(self, seconds: float, call):
        def slow(*given, **named):
            self.now += seconds
            return call(*given, **named)

        return slow


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(forecast, "time", made)
    return made


def test_a_step_counts_its_optimisers_and_its_share_of_the_checkpoints(tmp_path, monkeypatch, clock):
    monkeypatch.setattr(step, "change", clock.after(3.0, step.change))
    monkeypatch.setattr(forecast, "save_state", clock.after(50.0, forecast.save_state))
    found = forecast.forecast(search(tmp_path))
    assert found.step_s == 2 * 3.0 + 50.0 / CHECKPOINT_STEPS  # weights and architecture
    assert found.epoch_s == 2 * 50.0  # before and after it is scored


def test_a_large_state_is_counted_by_its_size(tmp_path, monkeypatch, clock):
    monkeypatch.setattr(forecast, "save_state", clock.after(50.0, forecast.save_state))
    made = search(tmp_path)
    size = sum(t.nbytes for t in made.stepper.net.state_dict().values())
    monkeypatch.setattr(forecast, "MOST_SAVED", size // 2)
    assert forecast.forecast(made).epoch_s >= 2 * 2 * 50.0


def test_batches_that_take_longer_than_steps_are_waited_for(tmp_path, monkeypatch, clock):
    made = search(tmp_path)
    monkeypatch.setattr(made.batches, "batch", clock.after(9.0, made.batches.batch))
    assert forecast.forecast(made).step_s == 9.0


def test_trainings_from_scratch_at_the_end_are_counted_until_they_are_done(tmp_path, monkeypatch, clock):
    made = search(tmp_path, refine=4, refine_epochs=5, epochs=7)
    monkeypatch.setattr(from_scratch, "change", clock.after(2.0, from_scratch.change))
    assert forecast.forecast(made).scratch_s == 4 * 5 * 2 * 2.0  # networks, epochs, steps, seconds
    made.baseline = made.most_probable().network
    assert forecast.forecast(made).scratch_s == (4 * 5 + 2 * 7) * 2 * 2.0
    made.tried, made.compared = {"a": 0.0}, {"found": 0.5}
    assert forecast.forecast(made).scratch_s == (3 * 5 + 7) * 2 * 2.0
    assert forecast.forecast(made).left_s(0, 0) == (3 * 5 + 7) * 2 * 2.0


def test_a_forecast_changes_nothing_of_the_search(tmp_path: Path):
    plain, foretold = search(tmp_path / "a", order=1, epochs=1), search(tmp_path / "b", order=1, epochs=1)
    forecast.forecast(foretold)
    for one in (plain, foretold):
        one.run(quiet)
    a, b = plain.stepper.state(), foretold.stepper.state()
    torch.testing.assert_close(a["net"], b["net"], rtol=0, atol=0)
    torch.testing.assert_close(a["architecture"], b["architecture"], rtol=0, atol=0)
    assert (tmp_path / "a/journal.jsonl").read_bytes() == (tmp_path / "b/journal.jsonl").read_bytes()
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == sorted(
        p.name for p in (tmp_path / "b").iterdir()
    )
