"""Checkpoints: whole or not there, without code, the newest readable one first."""

from __future__ import annotations

import errno
import os
import resource
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import small
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.diagnostics import SpecError
from archdsl.runs.checkpoints import Keeper, load_state, save_state

STATE = {
    "step": 3, "loss": 0.25, "name": "Net", "done": False, "best": None, "seeds": [1, (2, 3)],
    "weights": {"a.b": torch.arange(6.0).reshape(2, 3), 0: torch.tensor(3, dtype=torch.uint8)},
}  # fmt: skip


def test_a_state_comes_back_as_it_was_and_torch_reads_it_without_pickled_code(tmp_path: Path):
    path = tmp_path / "state.pt"
    save_state(path, STATE)
    found = load_state(path)
    assert {k: v for k, v in found.items() if k != "weights"} == {
        k: v for k, v in STATE.items() if k != "weights"
    }
    assert torch.equal(found["weights"]["a.b"], STATE["weights"]["a.b"])
    assert torch.load(path, weights_only=True)["state"]["step"] == 3


@pytest.mark.parametrize("value", [np.float64(1), {1, 2}, Path("x"), {(1, 2): 3}, object()])
def test_what_would_need_code_to_be_read_is_not_written(value, tmp_path: Path):
    with pytest.raises(TypeError, match=r"state\['x'\]"):
        save_state(tmp_path / "state.pt", {"x": value})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_torn_checkpoint_is_said_to_be_one(share: float, tmp_path: Path):
    path = tmp_path / "state.pt"
    save_state(path, STATE)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(SpecError, match="ARCH910"):
        load_state(path)


def test_a_flipped_bit_of_a_tensor_is_noticed(tmp_path: Path):
    path = tmp_path / "state.pt"
    save_state(path, STATE)
    data = bytearray(path.read_bytes())
    at = data.index(torch.arange(6.0).numpy().tobytes())
    data[at + 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(SpecError, match="damaged"):
        load_state(path)


def test_a_file_of_torch_that_is_none_of_ours_is_refused(tmp_path: Path):
    torch.save({"weights": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(SpecError, match="not written by archdsl"):
        load_state(tmp_path / "other.pt")


def test_a_keeper_keeps_the_newest_two(tmp_path: Path):
    keeper = Keeper(tmp_path / "checkpoints")
    assert keeper.latest() is None
    for step in (5, 10, 15):
        keeper.save(step, {"at": step})
    assert keeper.steps() == [15, 10]
    assert keeper.latest() == (15, {"at": 15})


def test_a_torn_checkpoint_is_passed_over_and_reported(tmp_path: Path):
    keeper = Keeper(tmp_path)
    keeper.save(5, {"at": 5})
    torn = keeper.save(10, {"at": 10})
    torn.write_bytes(torn.read_bytes()[:100])
    assert keeper.latest() == (5, {"at": 5})
    ((path, why),) = keeper.passed_over
    assert path == torn
    assert "not a valid checkpoint" in why


def test_checkpoints_of_later_steps_go_when_a_run_resumed_before_them(tmp_path: Path):
    keeper = Keeper(tmp_path)
    for step in (5, 10):
        keeper.save(step, {"at": step})
    keeper.save(7, {"at": 7})
    assert keeper.steps() == [7, 5]


def test_no_copy_of_a_state_is_made_to_write_it_and_one_of_its_file_to_read_it(tmp_path: Path):
    state, path = {"weights": torch.randn(1 << 20)}, tmp_path / "state.pt"
    size = state["weights"].nbytes
    most = {}
    for name, go in {"written": lambda: save_state(path, state), "read": lambda: load_state(path)}.items():
        tracemalloc.start()  # torch's own memory is not traced
        go()
        most[name] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most["written"] < size / 4
    assert size <= most["read"] < 1.25 * size


def test_a_disk_that_is_full_in_the_middle_of_a_large_state_is_said(tmp_path: Path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(SpecError, match="ARCH917"):
            save_state(tmp_path / "state.pt", {"weights": torch.randn(1 << 20)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_the_checkpoint_that_was_there(tmp_path: Path, monkeypatch):
    keeper = Keeper(tmp_path)
    keeper.save(5, {"at": 5})

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SpecError, match="ARCH917") as caught:
        keeper.save(10, {"at": 10})
    assert "no space left" in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000005.pt"]
    assert keeper.latest() == (5, {"at": 5})


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_change_of_any_bytes_of_a_checkpoint_goes_unnoticed(
    whole: bytes, tmp_path_factory, data: st.DataObject
):
    changed = bytearray(whole)
    at = data.draw(st.integers(0, len(whole) - 1))
    how = data.draw(st.sampled_from(["flip", "zero", "cut", "grow", "end"]))
    if how == "flip":
        changed[at] ^= 1 << data.draw(st.integers(0, 7))
    elif how == "end":
        changed[-1 - at % 200] ^= 1 << data.draw(st.integers(0, 7))
    elif how == "zero":
        changed[at : at + 64] = bytes(len(changed[at : at + 64]))
    elif how == "cut":
        del changed[at:]
    else:
        changed += b"\0" * (1 + at % 70)
    path = tmp_path_factory.getbasetemp() / "changed.pt"
    path.write_bytes(changed)
    if bytes(changed) == whole:
        assert load_state(path)["step"] == 3
        return
    with pytest.raises(SpecError, match="ARCH910"):
        load_state(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "state.pt"
    save_state(path, STATE)
    return path.read_bytes()


def test_a_checkpoint_of_version_1_which_has_no_checksum_of_its_own_is_read(tmp_path: Path):
    path = tmp_path / "step-000000005.pt"
    torch.save({"format": "archdsl/state", "version": 1, "state": STATE}, path)
    assert load_state(path)["step"] == 3
    assert Keeper(tmp_path, run="any").latest()[0] == 5


def test_checkpoints_that_changed_places_or_are_of_another_run_are_passed_over(tmp_path: Path):
    keeper = Keeper(tmp_path / "a", run="a")
    for step in (5, 10):
        keeper.save(step, {"at": step})
    other = Keeper(tmp_path / "b", run="b").save(10, {"at": 0})
    keeper.path(10).write_bytes(keeper.path(5).read_bytes())
    assert keeper.latest() == (5, {"at": 5})
    assert "it belongs to step 5" in keeper.passed_over[0][1]
    keeper.path(10).write_bytes(other.read_bytes())
    assert keeper.latest() == (5, {"at": 5})
    assert "belongs to another run" in keeper.passed_over[0][1]


def test_a_run_whose_checkpoints_are_all_damaged_does_not_begin_anew(tmp_path: Path):
    keeper = Keeper(tmp_path)
    for step in (5, 10):
        keeper.save(step, {"at": step}).write_bytes(b"torn")
    with pytest.raises(SpecError, match="ARCH910: no usable checkpoint"):
        keeper.latest()


def broken(state: dict, how: str) -> None:
    """Makes a state one that no run has, though its checksum is right."""
    key = next(iter(state["module"]))
    if how in state:
        del state[how]
    elif how == "tensor missing":
        del state["module"][key]
    elif how == "shape":
        state["module"][key] = state["module"][key][:1]
    elif how == "nan":
        state["module"][key].flatten()[0] = torch.nan
    elif how == "dtype":
        state["average"][key] = state["average"][key].long()
    elif how == "type":
        state["module"] = [1, 2]
    elif how == "tensor of another type":
        state["module"][key] = "weights"
    elif how == "optimiser state":
        state["optimiser"]["state"][0].pop("momentum_buffer")
    elif how == "optimiser parameter":
        state["optimiser"]["state"][99] = {}
    elif how == "score":
        state["best"] = float("nan")


@pytest.mark.parametrize(
    "how",
    ["module", "average", "optimiser", "scaler", "best", "journal", "average_steps", "tensor missing",
     "shape", "nan", "dtype", "type", "tensor of another type", "optimiser state", "optimiser parameter",
     "score"],
)  # fmt: skip
def test_a_whole_checkpoint_of_a_state_that_does_not_fit_is_passed_over(how: str, tmp_path: Path):
    run = small.training(tmp_path)
    with pytest.raises(small.Killed):
        run.run(small.killed_after(9))
    newest, before = run.keeper.steps()
    state = load_state(run.keeper.path(newest))
    broken(state, how)
    run.keeper.save(newest, state)
    again = small.training(tmp_path)
    assert again.restore() == before
    assert again.keeper.passed_over[0][0] == run.keeper.path(newest)
