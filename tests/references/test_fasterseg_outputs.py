"""Logits of the compiled student, against those of the released code under the same fill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import archdsl
import shapefill
from archdsl.resources import specs_folder


@pytest.mark.parametrize(
    ("key", "shape", "index"),
    [("logits_a", (1, 3, 128, 256), 900001), ("logits_b", (1, 3, 192, 160), 900031)],
)
def test_student_gives_the_logits_of_the_released_code(
    key: str, shape: tuple[int, int, int, int], index: int, reference: Callable[[str], Path]
) -> None:
    expected = np.load(reference("fasterseg_student_shapefill.npz"))[key]
    module = shapefill.fill(archdsl.compile(specs_folder() / "fasterseg_student.arch"))
    with torch.no_grad():
        logits = module(shapefill.image(shape, index)).numpy()
    assert logits.shape == (1, 19, *shape[2:])
    every_second = logits[:, :, ::2, ::2]
    assert np.abs(every_second - expected).max() <= 1e-5 * np.abs(expected).max()
