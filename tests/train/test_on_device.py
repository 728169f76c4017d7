"""What must hold on every device: the CPU, and a GPU where ARCHDSL_TEST_DEVICE=cuda."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import small
import torch
from torch.nn.functional import one_hot

import archdsl
import small_search
from archdsl.backends.supernet import build
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.lines import read_records
from archdsl.runs.processes import processes
from archdsl.search.extract import extract
from scored import score

NAME = os.environ.get("ARCHDSL_TEST_DEVICE", "cpu")
SPECS = Path(__file__).resolve().parents[2] / "specs"


@pytest.fixture(scope="module", autouse=True)
def _exact():
    """One thread; on CUDA, the kernels that give the same sum each time."""
    torch.set_num_threads(1)
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False


@pytest.fixture
def here():
    return processes(NAME)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("spec", ["space", "gas"])
def test_one_hot_weights_give_the_network_bit_for_bit(here, spec, training):
    found = archdsl.load(SPECS / f"{spec}.arch").space(image=(3, 32, 64))
    net = build(found.graph).to(here.device).train(training)
    chosen = found.sample(random.Random(0))
    outcomes = {path: found.decisions[path].index[o] for path, o in chosen.items()}
    weights = {
        p: one_hot(torch.tensor(o), found.decisions[p].size).float().to(here.device)
        for p, o in outcomes.items()
    }
    x = torch.randn(2, 3, 32, 64, generator=torch.Generator().manual_seed(1)).to(here.device)
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    expected = net.network(outcomes)(x)
    assert torch.equal(net.path(x, outcomes=outcomes), expected)
    net.load_state_dict(state)
    assert torch.equal(net(x, weights=weights), expected)


def test_an_extracted_network_equals_the_path(here, tmp_path):
    found = small_search.program().space()
    net = build(found.graph).to(here.device).eval()
    network = found.bind(found.sample(random.Random(1)))
    x = torch.randn(2, 3, 32, 64).to(here.device)
    outcomes = {p: found.decisions[p].index[o] for p, o in network.chosen.items()}
    path = net.path(x, outcomes=dict.fromkeys(found.decisions, 0) | outcomes)
    assert torch.equal(extract(net, network).to(here.device)(x), path)


@pytest.mark.parametrize("amp", [None, torch.bfloat16])
def test_a_search_runs_to_its_end(here, tmp_path, amp):
    found = small_search.search(tmp_path, processes=here, amp=amp, epochs=12).run(small_search.quiet)
    assert found.network.module()(torch.zeros(1, 3, 32, 64)).isfinite().all()
    losses = [r["loss"] for r in read_records(tmp_path / "journal.jsonl") if r["kind"] == "step"]
    assert sum(losses[-4:]) < sum(losses[:4])


def test_a_search_in_pieces_is_the_search_in_one(here, tmp_path):
    small_search.search(tmp_path / "whole", processes=here).run(small_search.quiet)
    one = small_search.search(tmp_path / "pieces", processes=here)
    count = itertools.count(1)
    with pytest.raises(Interrupted):
        one.run(small_search.quiet, lambda: next(count) >= 3)
    again = small_search.search(tmp_path / "pieces", processes=here)
    again.restore()
    again.run(small_search.quiet)
    whole, pieces = (read_records(tmp_path / name / "journal.jsonl") for name in ("whole", "pieces"))
    assert whole == pieces


@pytest.mark.parametrize(
    "changes", [{}, {"amp": "bfloat16"}, {"amp": "float16"}, {"channels_last": True}], ids=str
)
def test_a_training_learns(here, tmp_path, changes):
    if changes.get("amp") == "float16" and here.device.type != "cuda":
        pytest.skip("gradients are scaled on CUDA")
    small.training(tmp_path, here, epochs=8, **changes).run(small.silent)
    losses = [r["loss"] for r in read_records(tmp_path / "journal.jsonl") if r["kind"] == "step"]
    assert sum(losses[-4:]) < sum(losses[:4])


def test_a_network_has_the_scores_that_it_has_on_the_cpu(here, tmp_path):
    run = small.training(tmp_path, here, epochs=4)
    run.run(small.silent)
    there = score(run.evaluated, small.SPLITS.val, here)
    on_cpu = score(run.evaluated.cpu(), small.SPLITS.val, small.ONE)
    assert there.mean_iou() == pytest.approx(on_cpu.mean_iou(), abs=0.01)


TWO = """
import small, sys
from pathlib import Path
from archdsl.runs.processes import processes
here = processes("cuda")
small.training(Path(sys.argv[1]), here, p=0.0, loss="cross_entropy").run(small.silent)
here.stop()
"""


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="two GPUs are needed")
def test_two_processes_over_nccl_have_the_loss_curve_of_one(tmp_path):
    (tmp_path / "two.py").write_text(TWO)
    folder = Path(__file__).parent
    places = [str(folder), str(folder.parent), str(folder.parents[1])]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         str(tmp_path / "two.py"), str(tmp_path / "two")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    small.training(tmp_path / "one", processes("cuda"), p=0.0, loss="cross_entropy").run(small.silent)
    curves = [
        [r["loss"] for r in read_records(tmp_path / name / "journal.jsonl") if r["kind"] == "step"]
        for name in ("one", "two")
    ]
    assert curves[1] == pytest.approx(curves[0], abs=1e-4)
