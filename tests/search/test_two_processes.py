"""Two processes search together as one process does with the same batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from archdsl.cli import run
from archdsl.runs.lines import read_records
from small_search import SPEC

ROOT = Path(__file__).parents[2]

SPACE = """arch 1

space Wide(; classes = 11) {
  input image: [3, 32, 64]
  w = one of {4, 8}
  a = image -> conv(c = w, s = 2) -> bn -> relu
  kernel = one of {3, 5}
  both = concat(a, image -> conv(c = w, s = 2) -> bn)
  b = both -> conv(c = 2 * w, k = kernel) -> bn -> relu
  output logits = b -> conv(c = classes, k = 1) -> resize(like = image)
}

search One for Wide {
  strategy = differentiable(sampler = softmax, epochs = 2)
  data = synthetic(images = 8, batch = 4, size = [32, 64])
  architecture {
    w = hard(tau = 1.0)
  }
  minimize cross_entropy + 0.01 * log(macs)
}

search Two for Wide {
  strategy = differentiable(sampler = softmax, epochs = 1, pretrain = 1, bn = per_width)
  private = [a]
  data = synthetic(images = 8, batch = 4, size = [32, 64])
  teacher {
    w = 8
    pretrain_passes = [largest, random]
    minimize cross_entropy
  }
  student {
    w = hard(tau = 1.0)
    passes = [sampled, smallest]
    pretrain_passes = []
    minimize cross_entropy
  }
}
"""


SEARCHES = {
    "one": ["wide.arch", "--search", "One"],
    "two": ["wide.arch", "--search", "Two"],
    "refined": ["tiny.arch", "--set", "epochs=1", "refine=2", "refine_epochs=1"],
}

PROGRAM = """
import torch.distributed as dist
from archdsl.cli import run
begin = dist.init_process_group  # once: what torchrun started can meet in one group only
dist.init_process_group = lambda *given, **named: dist.is_initialized() or begin(*given, **named)
dist.destroy_process_group = dist.barrier
for name, words in {searches}.items():
    assert run(["search", *words, "--device", "cpu", "--out", name]) == 0
"""


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the specs and a run of each search by two processes, which start once for all."""
    folder = tmp_path_factory.mktemp("together")
    for name, text in {"wide.arch": SPACE, "tiny.arch": SPEC}.items():
        (folder / name).write_text(text, "utf-8")
    (folder / "program.py").write_text(PROGRAM.format(searches=SEARCHES), "utf-8")
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*start, "program.py"],
        capture_output=True, text=True, check=False, timeout=240, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", SEARCHES)
def test_two_processes_search_as_one_does(
    name: str, together: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(together)
    torch.set_num_threads(1)  # as in the processes: sums over several threads round otherwise
    assert run(["search", *SEARCHES[name], "--device", "cpu", "--out", str(tmp_path)]) == 0
    one, two = (read_records(folder / "journal.jsonl") for folder in (tmp_path, together / name))
    assert [r["kind"] for r in two] == [r["kind"] for r in one]
    for kind, figure in (("step", "loss"), ("tried", "objective")):
        ours, theirs = ([r[figure] for r in records if r["kind"] == kind] for records in (one, two))
        assert theirs == pytest.approx(ours, abs=1e-4)
        assert bool(ours) == (kind == "step" or name == "refined")
    chances = [[r["probabilities"] for r in records if r["kind"] == "epoch"] for records in (one, two)]
    for ours, other in zip(*chances, strict=True):
        assert {k: pytest.approx(v, abs=1e-4) for k, v in ours.items()} == other
