"""Two processes train elastic weights together as one process does with the same batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.cli import run
from archdsl.runs.lines import read_records

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


@pytest.mark.slow
@pytest.mark.parametrize("search", ["One", "Two"])
def test_two_processes_train_elastic_weights_as_one_does(
    search: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wide.arch").write_text(SPACE, "utf-8")
    words = ["search", "wide.arch", "--search", search, "--device", "cpu"]
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*start, "-m", "archdsl", *words, "--out", "two"],
        capture_output=True, text=True, check=False, timeout=240,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert run([*words, "--out", "one"]) == 0
    one, two = (read_records(Path(name, "journal.jsonl")) for name in ("one", "two"))
    assert [r["kind"] for r in two] == [r["kind"] for r in one]
    losses = [[r["loss"] for r in records if r["kind"] == "step"] for records in (one, two)]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)
    chances = [[r["probabilities"] for r in records if r["kind"] == "epoch"] for records in (one, two)]
    for ours, other in zip(*chances, strict=True):
        assert {k: pytest.approx(v, abs=1e-4) for k, v in ours.items()} == other
