"""The confusion matrix, against a loop over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest

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
    with pytest.raises(ValueError, match="outside the 2 classes"):
        Confusion(2).add(np.array([[0]]), np.array([[2]]))
