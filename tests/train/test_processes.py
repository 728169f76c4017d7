"""Two processes do together what one does alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import small
import torch

from archdsl.diagnostics import SpecError
from archdsl.runs.lines import read_records
from archdsl.runs.processes import processes

HERE = Path(__file__).parent

TRAIN = """
import sys, small
from pathlib import Path
run = small.training(Path(sys.argv[1]), here, p=0.0, loss="cross_entropy")
run.run(small.silent)
here.stop()
"""

GRADIENTS = """
import torch
from archdsl.runs.processes import processes
here = processes("cpu")
both, second, none = (torch.nn.Parameter(torch.zeros(2, 2)) for _ in range(3))
both.grad = torch.full((2, 2), float(here.rank + 1))
if here.rank == 1:
    second.grad = torch.full((2, 2), 4.0)
here.mean_gradients([both, second, none])
assert (both.grad == 1.5).all() and (second.grad == 2).all() and none.grad is None
assert here.sum(torch.tensor([here.rank, 1])).tolist() == [1, 2]
layer = torch.nn.Linear(2, 2)
with torch.no_grad():
    layer.weight.fill_(here.rank + 1)
here.same_weights(layer)
assert (layer.weight == 1).all()
"""


def together(code: str, *words: str, tmp_path: Path) -> None:
    """Runs a program in two processes that torchrun starts, and demands that it succeeds."""
    program = tmp_path / "program.py"
    program.write_text(code)
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        str(program), *words,
    ]  # fmt: skip
    path = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_two_processes_share_gradients_and_have_the_loss_curve_of_one_with_the_same_batch(tmp_path: Path):
    together(GRADIENTS + TRAIN, str(tmp_path / "two"), tmp_path=tmp_path)
    small.training(tmp_path / "one", p=0.0, loss="cross_entropy").run(small.silent)
    one, two = (read_records(tmp_path / name / "journal.jsonl") for name in ("one", "two"))
    assert [r["kind"] for r in two] == [r["kind"] for r in one]
    losses = [[r["loss"] for r in records if r["kind"] == "step"] for records in (one, two)]
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)
    scores = [[r["miou"] for r in records if r["kind"] == "evaluation"] for records in (one, two)]
    assert scores[1] == pytest.approx(scores[0], abs=0.01)


def test_one_process_needs_no_torchrun(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    here = processes("cpu")
    assert (here.rank, here.world, here.is_first, here.device) == (0, 1, True, torch.device("cpu"))
    assert here.sum(torch.tensor(3)) == 3


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "mps"])
def test_a_device_that_is_not_there_is_said_to_be_missing(name: str):
    with pytest.raises(SpecError, match="ARCH920"):
        processes(name)
