"""The confusion matrix, against a loop over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from archdsl.train.metrics import Confusion


def test_iou_is_that_of_a_loop_over_pixels():
    draw = np.random.default_rng(0)
    confusion, pairs = Confusion(4), []
    for _ in range(3):
        truth = draw.choice([0, 1, 2, 255], (7, 9)).astype(np.uint8)
        guess = draw.integers(0, 3, (7, 9))
        confusion.add(guess, truth)
        pairs += [(int(g), int(t)) for g, t in zip(guess.flat, truth.flat, strict=True) if t != 255]
    found = confusion.iou()
    for c in range(3):
        both = sum(g == c and t == c for g, t in pairs)
        either = sum(c in (g, t) for g, t in pairs)
        assert found[c] == both / either
    assert math.isnan(found[3])
    assert confusion.mean_iou() == pytest.approx(found[:3].mean())
    assert confusion.accuracy() == sum(g == t for g, t in pairs) / len(pairs)


def test_a_class_that_is_only_predicted_counts_as_zero():
    confusion = Confusion(3)
    confusion.add(np.array([[0, 2]]), np.array([[0, 0]]))
    assert confusion.iou()[2] == 0
    assert confusion.mean_iou() == 0.25


def test_what_is_predicted_on_ignored_pixels_does_not_matter():
    confusion = Confusion(2)
    confusion.add(np.array([[0, 1, 1]]), np.array([[0, 1, 255]]))
    assert confusion.mean_iou() == 1.0


def test_before_anything_was_added_nothing_is_a_number():
    confusion = Confusion(2)
    confusion.add(np.array([[0]]), np.array([[255]]))
    assert math.isnan(confusion.mean_iou())
    assert math.isnan(confusion.accuracy())


def test_a_label_that_is_no_class_is_refused():
    with pytest.raises(ValueError, match="out of range for 2 classes"):
        Confusion(2).add(np.array([[0]]), np.array([[2]]))


EXAMPLE = [[50, 2, 0, 3], [4, 30, 0, 1], [0, 0, 0, 0], [2, 5, 1, 12]]
"""Pixels by class (rows) and prediction: class 2 is predicted once and is not there."""

PUBLISHED = [
    ((), 0.5084894613583139, 1.0915584415584414, 0.7280178837555886, 0.7393050378789318),
    ((0,), 0.4047619047619048, 1.1523809523809525, 0.6363636363636364, 0.6670632560919512),
]
"""Omitted classes, then mIoU, mAcc, fwIoU and reward of the example by the code of arXiv:1904.02365."""


@pytest.mark.parametrize(("omit", "miou", "macc", "fwiou", "reward"), PUBLISHED)
def test_the_reward_of_template_based_search_is_that_of_the_released_code(omit, miou, macc, fwiou, reward):
    found = example().means(omit, compat=True)
    assert (found.miou, found.macc, found.fwiou) == pytest.approx((miou, macc, fwiou), abs=1e-14)
    assert found.reward == pytest.approx(reward, abs=1e-14)


@pytest.mark.parametrize("omit", [(), (0,)])
def test_a_class_that_is_not_there_has_no_accuracy(omit):
    found = example().means(omit)
    there = [c for c in (0, 1, 3) if c not in omit]
    accuracies = {0: 50 / 55, 1: 30 / 35, 3: 12 / 20}
    assert found.macc == pytest.approx(sum(accuracies[c] for c in there) / len(there))
    assert found.reward == pytest.approx((found.miou * found.macc * found.fwiou) ** (1 / 3))
    assert found.reward < example().means(omit, compat=True).reward


def test_means_without_a_class_that_counts_are_not_numbers():
    assert all(map(math.isnan, (*Confusion(2).means(), Confusion(2).means().reward)))
    assert all(map(math.isnan, example().means(range(4))))


def example() -> Confusion:
    confusion = Confusion(4)
    confusion.matrix = torch.tensor(EXAMPLE)
    return confusion
