"""How long a search will take: what is counted, and that the search is as it was before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.profiler import ProfilerActivity, profile

from archdsl.cli import searching
from archdsl.search.differentiable import calibration, footprint, forecast, step
from archdsl.search.differentiable.driver import CHECKPOINT_STEPS
from archdsl.search.evaluators import from_scratch
from small_search import SPEC, quiet, search


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
    size = sum(t.nbytes for t in made.trainer.net.state_dict().values())
    monkeypatch.setattr(forecast, "MOST_SAVED", size // 2)
    assert forecast.forecast(made).epoch_s >= 2 * 2 * 50.0


def test_batches_that_take_longer_than_steps_are_waited_for(tmp_path, monkeypatch, clock):
    made = search(tmp_path)
    monkeypatch.setattr(made.batches, "batch", clock.after(9.0, made.batches.batch))
    assert forecast.forecast(made).step_s == 9.0


@pytest.mark.slow
def test_trainings_from_scratch_at_the_end_are_counted_until_they_are_done(tmp_path, monkeypatch, clock):
    made = search(tmp_path, refine=4, refine_epochs=5, epochs=7)
    monkeypatch.setattr(from_scratch, "change", clock.after(2.0, from_scratch.change))
    assert forecast.forecast(made).scratch_s == 4 * 5 * 2 * 2.0  # networks, epochs, steps, seconds
    made.baseline = made.most_probable().network
    assert forecast.forecast(made).scratch_s == (4 * 5 + 2 * 7) * 2 * 2.0
    made.tried, made.compared = {"a": 0.0}, {"found": 0.5}
    assert forecast.forecast(made).scratch_s == (3 * 5 + 7) * 2 * 2.0
    assert forecast.forecast(made).left_s(0, 0) == (3 * 5 + 7) * 2 * 2.0


@pytest.mark.slow
def test_a_forecast_changes_nothing_of_the_search(tmp_path: Path):
    plain, foretold = search(tmp_path / "a", order=1, epochs=1), search(tmp_path / "b", order=1, epochs=1)
    forecast.forecast(foretold)
    for one in (plain, foretold):
        one.run(quiet)
    a, b = plain.trainer.state(), foretold.trainer.state()
    torch.testing.assert_close(a["net"], b["net"], rtol=0, atol=0)
    torch.testing.assert_close(a["architecture"], b["architecture"], rtol=0, atol=0)
    assert (tmp_path / "a/journal.jsonl").read_bytes() == (tmp_path / "b/journal.jsonl").read_bytes()
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == sorted(
        p.name for p in (tmp_path / "b").iterdir()
    )


def test_steps_of_pretraining_are_counted_by_themselves(tmp_path, monkeypatch, clock):
    monkeypatch.setattr(step, "change", clock.after(3.0, step.change))
    text = SPEC.replace("epochs = 3,", "epochs = 3, pretrain = 2,")
    found = forecast.forecast(search(tmp_path, text))
    assert (found.pretrain_step_s, found.step_s) == (3.0, 2 * 3.0)  # weights; weights and architecture
    assert found.left_s(10, 0, 5) == 5 * 3.0 + 10 * 6.0


def test_a_forecast_of_a_short_search_takes_no_more_steps_than_the_search(tmp_path, monkeypatch):
    made = search(tmp_path, epochs=1)
    taken = []
    monkeypatch.setattr(made.trainer, "rehearse", lambda number, *_: taken.append(number))
    forecast.forecast(made)
    assert taken == [*range(made.steps)]


def bytes_of_a_step(made) -> int:
    """The most that tensors take at once in a step beyond what is there, by torch's allocator."""
    batch = made.batches.batch(0)
    made.trainer.rehearse(0, 0, batch, made.held.batch)  # what optimizers keep is there now
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        made.trainer.rehearse(1, 0, batch, made.held.batch)
    events = [event for event in found.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


@pytest.mark.parametrize("sampler", ["gumbel", "hard", "one_path"])
def test_memory_is_predicted_without_taking_it(tmp_path, sampler: str):
    made = search(tmp_path, sampler=sampler, batch=8, images=24, gates_from=0)
    predicted = footprint.footprint(made)
    assert predicted.step == pytest.approx(bytes_of_a_step(made), rel=0.15)
    kept = [*made.trainer.by_weights.state.items(), *made.main.learner.optimiser.state.items()]
    own = sum(t.nbytes for p, state in kept for t in state.values() if t is not None and t.shape == p.shape)
    assert own <= predicted.optimizers  # a path leaves some weights without
    if sampler != "one_path":
        assert own == predicted.optimizers


def test_a_search_that_needs_more_memory_than_there_is_says_so_before_it_takes_any(
    tmp_path, monkeypatch, capsys
):
    made = search(tmp_path)
    need = footprint.footprint(made)
    for spare, warned in ((1, False), (-1, True)):
        there = need.optimizers + need.step + spare
        monkeypatch.setattr(footprint, "available", lambda _device, there=there: there)
        searching.print_start(made)
        assert ("not enough memory" in capsys.readouterr().err) == warned


def test_memory_beyond_tensors_is_measured_at_small_crops_and_grows_with_the_pixels(tmp_path, monkeypatch):
    made = search(tmp_path, crop=(32, 64))
    monkeypatch.setattr(calibration, "LEAST", 0)
    monkeypatch.setattr(calibration, "resident", lambda: 1000)
    pixels = []

    def peak() -> int:
        of_kernels = 500 + 3 * pixels[-1]
        tensors = footprint.footprint(made, made_crop(pixels[-1]))
        return 1000 + tensors.optimizers + tensors.step + of_kernels

    def made_crop(count: int) -> tuple[int, int]:
        return next(crop for crop in ((8, 16), (16, 32)) if crop[0] * crop[1] == count)

    monkeypatch.setattr(calibration, "_run_steps", lambda _, crop: pixels.append(crop[0] * crop[1]))
    monkeypatch.setattr(calibration, "_peak", peak)
    need = footprint.footprint(made)
    assert calibration.estimated(made, need) == 1000 + need.optimizers + need.step + 500 + 3 * 32 * 64
    assert pixels == [8 * 16, 16 * 32]
    monkeypatch.setattr(calibration, "LEAST", 1 << 40)
    assert calibration.estimated(made, need) is None  # it fits anyway


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40), st.integers(1, 1 << 20))
def test_an_estimate_is_never_below_what_a_smaller_crop_took(less: int, last: int, few: int) -> None:
    found = calibration.extrapolated([(few, less), (4 * few, last)], 16 * few)
    assert found >= last
    assert found == last + max(0, last - less) * 4


@pytest.mark.slow
def test_steps_for_an_estimate_leave_the_search_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "LEAST", 0)
    made, other = search(tmp_path / "a"), search(tmp_path / "b")
    need = footprint.footprint(made)
    found = []
    forecast.forecast(made, lambda: found.append(calibration.estimated(made, need)))
    assert found[0] >= need.step
    mine, theirs = made.trainer.net.state_dict(), other.trainer.net.state_dict()
    assert all(torch.equal(mine[key], theirs[key]) for key in mine)


def test_available_memory_is_at_most_what_a_container_may_take(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\nSwapFree:  1000 kB\n", "utf-8")
    folder = tmp_path / "cgroup"
    folder.mkdir()
    assert footprint.of_host(meminfo, folder) == 5000 * 1024
    (folder / "memory.max").write_text("3000000\n", "utf-8")
    (folder / "memory.current").write_text("1000000\n", "utf-8")
    assert footprint.of_host(meminfo, folder) == 2_000_000
    (folder / "memory.max").write_text("max\n", "utf-8")
    assert footprint.of_host(meminfo, folder) == 5000 * 1024
    assert footprint.of_host(tmp_path / "none", tmp_path / "none") is None
