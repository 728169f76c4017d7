"""`evaluate = training(…)`: every network trained from scratch and scored on the images to validate on."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from small_trials import TWO, register_in_turn, search_of, trials
from torch import nn

import archdsl
from archdsl import SpecError
from archdsl.data.augmentation import Augmentation
from archdsl.data.batches import Batches
from archdsl.data.opening import open_data
from archdsl.runs.processes import Processes
from archdsl.train.evaluation import at_size
from archdsl.train.losses import ohem
from scored import score

DATA = "data = synthetic(images = 8, batch = 4, size = [32, 64])"
CPU = Processes(0, 1, torch.device("cpu"))


@pytest.fixture(autouse=True)
def _in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    register_in_turn(monkeypatch)


def plainly_trained(outcome: str, epochs: int, lr: float, clip: float, seed: int) -> nn.Module:
    """A network of the space trained by a plain loop."""
    splits = open_data("synthetic", {"images": 8, "size": (32, 64)})
    torch.manual_seed(seed)
    module = archdsl.load(TWO).space().bind({"y": outcome}).module().train()
    by = torch.optim.SGD(module.parameters(), lr, 0.9)
    batches = Batches(splits.train, 4, Augmentation((32, 64), (0.75, 1.5)), seed)
    for step in range(epochs * 2):
        batch = batches.batch(step)
        loss = ohem(at_size(module(batch.images_B3HW), (32, 64)), batch.masks_BHW, kept=100)
        by.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), clip)
        by.step()
    return module.eval()


def test_scores_are_those_of_a_network_trained_by_a_plain_loop(tmp_path: Path) -> None:
    archdsl.search(
        search_of(
            "evaluate = training(epochs = 2, optimizer = sgd(lr = 0.1), loss = ohem(kept = 100), clip = 0.5);"
            f"{DATA}; seed = 3; maximize miou"
        ),
        folder=tmp_path / "run",
    )
    val = open_data("synthetic", {"images": 8, "size": (32, 64)}).val
    for trial, outcome in zip(trials(tmp_path / "run"), ("small", "large"), strict=True):
        confusion = score(plainly_trained(outcome, 2, 0.1, 0.5, 3), val, CPU)
        assert trial["scores"]["miou"] == confusion.mean_iou()
        assert trial["scores"]["accuracy"] == confusion.accuracy()
        assert trial["scores"]["reward"] == confusion.means().reward
        assert trial["objective"] == -confusion.mean_iou()


def test_goals_name_scores_with_settings(tmp_path: Path) -> None:
    archdsl.search(
        search_of(
            f'evaluate = training(epochs = 1); {DATA}; maximize reward(compat = true, omit = ["sky"]);'
            "require macc <= 1"
        ),
        folder=tmp_path / "run",
    )
    for trial in trials(tmp_path / "run"):
        own = trial["scores"]['reward(compat = true, omit = ["sky"])']
        assert trial["objective"] == -own != -trial["scores"]["reward"]


@pytest.mark.parametrize(
    ("clauses", "code", "named"),
    [
        ('evaluate = training; maximize miou(omit = ["cat"])', "ARCH606", "`cat`, which is not a class"),
        ("evaluate = training(loss = macs); maximize miou", "ARCH839", "`macs`"),
        ("evaluate = training(loss = -1 * ohem); maximize miou", "ARCH839", "negative"),
        ("evaluate = training(epoch = 3); maximize miou", "ARCH204", "no setting `epoch`"),
        ("evaluate = training(epochs = 0); maximize miou", "ARCH607", "`epochs`"),
        ("evaluate = costs; maximize miou", "ARCH606", "`miou` is not a score"),
        (
            'evaluate = training; minimize cross_entropy(class_weights = "median")',
            "ARCH606",
            "does not support",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused_at_its_place(
    clauses: str, code: str, named: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError) as found:
        archdsl.search(search_of(clauses), folder=tmp_path / "run")
    (first,) = found.value.diagnostics
    assert (first.code, first.primary is not None) == (code, True)
    assert named in first.headline


def test_a_network_that_diverges_is_a_failed_trial(tmp_path: Path) -> None:
    text = search_of(
        f"evaluate = training(epochs = 4, optimizer = sgd(lr = 1e6), clip = 0); {DATA}; maximize miou",
        TWO.replace(" -> bn -> relu", "").replace("y -> relu", "y"),
    )
    with pytest.raises(SpecError):  # no network is left
        archdsl.search(text, folder=tmp_path / "run")
    failures = [trial["failure"] for trial in trials(tmp_path / "run")]
    assert [failure["kind"] for failure in failures] == ["nan", "nan"]
    assert all("ARCH915" in failure["reason"] for failure in failures)


BROKEN = """arch 1

space Broken(; classes = 11) {
  input image: [3, 32, 64]
  x = image -> conv(c = classes, s = 2)
  y = one of {
    whole: x,
    zero: x -> zero,
    pooled: x -> global_pool -> bn -> resize(like = image),
  }
  output logits = y -> upsample(like = image)
}
"""


def test_networks_that_cannot_be_trained_fail_with_the_reason(tmp_path: Path) -> None:
    text = search_of(
        "evaluate = training(epochs = 1); maximize miou;"
        "data = synthetic(images = 2, batch = 1, size = [32, 64], crop = [32, 64])",
        BROKEN,
    )
    archdsl.search(text, folder=tmp_path / "run")
    failed = {trial["outcomes"][0]: trial["failure"]["reason"] for trial in trials(tmp_path / "run")
              if trial["state"] == "failed"}  # fmt: skip
    assert failed[1].startswith("ARCH935")  # nothing to train
    assert failed[2].startswith("ARCH829")  # a batch of one value
    assert 0 not in failed


def test_rungs_set_the_epochs_and_rank_the_same_network_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_in_turn(monkeypatch, rungs=(2,))
    archdsl.search(
        search_of(
            "evaluate = training(epochs = 1, optimizer = sgd(lr = 0.1), loss = ohem(kept = 100), clip = 0.5);"
            f"{DATA}; maximize miou"
        ),
        folder=tmp_path / "run",
    )
    val = open_data("synthetic", {"images": 8, "size": (32, 64)}).val
    first, second = (trial["scores"]["miou"] for trial in trials(tmp_path / "run"))
    assert first == score(plainly_trained("small", 2, 0.1, 0.5, 0), val, CPU).mean_iou()
    assert second == score(plainly_trained("large", 1, 0.1, 0.5, 0), val, CPU).mean_iou()


def test_the_mean_cross_entropy_is_a_score(tmp_path: Path) -> None:
    archdsl.search(
        search_of(f"evaluate = training(epochs = 1); {DATA}; minimize cross_entropy"), folder=tmp_path / "run"
    )
    values = [trial["objective"] for trial in trials(tmp_path / "run")]
    assert all(0 < value < 2 * math.log(11) for value in values)
    assert len(set(values)) == 2
