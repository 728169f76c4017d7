"""Checkpoints: whole or not there, without code, the newest readable one first."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from archdsl.diagnostics import SpecError
from archdsl.train.checkpoints import Keeper, load_state, save_state

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
    with pytest.raises(SpecError, match="did not write it"):
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
    assert "no whole checkpoint" in why


def test_checkpoints_of_later_steps_go_when_a_run_resumed_before_them(tmp_path: Path):
    keeper = Keeper(tmp_path)
    for step in (5, 10):
        keeper.save(step, {"at": step})
    keeper.save(7, {"at": 7})
    assert keeper.steps() == [7, 5]


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
