"""Weights of classes: the rules, and the losses that use them."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from test_losses import by_sorting, scene

from archdsl.data.checking import Shares
from archdsl.diagnostics import SpecError
from archdsl.runs.processes import Processes
from archdsl.train.class_weights import class_weights
from archdsl.train.losses import cross_entropy, labelled, ohem

SHARES = Shares(pixels=(600, 300, 100, 0), in_images=(1000, 600, 400, 0))
NAMES = ("a", "b", "c", "d")
WEIGHTS_K = torch.tensor([1.0, 2.5, 0.0, 0.5, 7.0], dtype=torch.float64)


def test_the_rule_of_enet_is_of_shares_in_all_labelled_pixels():
    for rule, c in (("inverse-log", 1.02), ("inverse-log:1.10", 1.10)):
        expected = [1 / math.log(c + p) for p in (0.6, 0.3, 0.1, 0.0)]
        assert class_weights(rule, SHARES, NAMES) == pytest.approx(expected, rel=1e-5)


def test_median_frequencies_are_of_images_that_show_the_class():
    assert class_weights("median", SHARES, NAMES) == pytest.approx([0.5 / 0.6, 1.0, 2.0, 1.0], rel=1e-5)


def test_weights_may_be_listed():
    assert class_weights("1,2.5,0,8e-1", SHARES, NAMES) == (1.0, 2.5, 0.0, 0.8)


@pytest.mark.parametrize(
    "rule",
    ["", "1,2", "1,2,3,x", "0,0,0,0", "1,2,3,nan", "1,2,3,inf", "1,2,3,-1", "mean", "median:2",
     "inverse-log:1", "inverse-log:nan", "inverse-log:x", "1;2;3;4"],
)  # fmt: skip
def test_what_is_no_rule_is_refused(rule: str):
    with pytest.raises(SpecError, match="ARCH944"):
        class_weights(rule, SHARES, NAMES)


def test_weighted_cross_entropy_is_that_of_torch():
    for seed in range(5):
        logits, masks = scene(seed)
        wanted = F.cross_entropy(logits, masks, WEIGHTS_K, ignore_index=255)
        torch.testing.assert_close(cross_entropy(logits, masks, WEIGHTS_K), wanted, rtol=1e-12, atol=0)


def test_weights_do_not_change_which_pixels_are_hard():
    logits, masks = scene(3, sharpness=1.0)
    doubled = ohem(logits, masks, weights_K=torch.full((5,), 2.0, dtype=torch.float64))
    torch.testing.assert_close(doubled, by_sorting(logits, masks, 0.7, 24))
    hard = (logits.softmax(1).gather(1, masks.where(masks != 255, 0)[:, None])[:, 0] <= 0.7) & (masks != 255)
    wanted = F.cross_entropy(logits, masks.where(hard, 255), WEIGHTS_K, ignore_index=255)
    torch.testing.assert_close(ohem(logits, masks, weights_K=WEIGHTS_K), wanted)


@pytest.mark.parametrize("loss", [cross_entropy, ohem])
def test_where_no_pixel_has_weight_the_loss_is_zero_and_what_is_no_number_shows(loss):
    logits, masks = scene(0, ignored=1.0)
    value = loss(logits, masks, weights_K=WEIGHTS_K)
    value.backward()
    assert value == 0
    assert (logits.grad == 0).all()
    logits, masks = scene(0, ignored=0.0)
    logits.data[0, 2, 3, 4] = float("nan")
    assert loss(logits, masks, weights_K=WEIGHTS_K).isnan()


def test_shares_of_processes_are_of_weights(monkeypatch):
    logits, masks = scene(1)
    halves = [(logits[n : n + 1], masks[n : n + 1]) for n in range(2)]
    total = labelled(masks, WEIGHTS_K).double()
    monkeypatch.setattr(Processes, "sum", lambda self, tensor: total)
    here = Processes(0, 2, torch.device("cpu"))
    means = [cross_entropy(x, y, WEIGHTS_K) * here.share(labelled(y, WEIGHTS_K)) for x, y in halves]
    whole = cross_entropy(logits, masks, WEIGHTS_K)
    torch.testing.assert_close(sum(means) / 2, whole, rtol=1e-6, atol=0)
