"""Logits of template networks, against those of the released code under the same fill: arch0 as shipped,
and genotypes sampled at random, as decisions in the space."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from torch import nn

import archdsl
import shapefill
from archdsl.program import Space
from archdsl.resources import specs_folder

OPS = ("sep3", "sep5", "gap", "pool3", "dil5", "skip")
AGGREGATIONS = ("psum", "cat")
INPUTS = {"a": ((1, 3, 64, 96), 1_000_000), "b": ((1, 3, 97, 131), 1_000_001)}
SAMPLES = tuple(f"sample{n:02}" for n in range(0, 24, 2))

Genotype = tuple[list[list[int]], list[list[int]]]

COARSE_STAGE = 39_696
"""Parameters of the encoder between its two features: the released code counts them also in networks
that read the first feature only; here they are then in no network."""


def decisions(genotype: Genotype) -> dict[str, str]:
    """A genotype in the text format of the released code, [templates, layers], as decisions."""
    templates, layers = genotype
    chosen: dict[str, str] = {}
    for t, (left, right, agg) in enumerate(templates, 1):
        chosen[f"templates[{t}].left"] = OPS[left]
        chosen[f"templates[{t}].right"] = OPS[right]
        chosen[f"templates[{t}].agg"] = AGGREGATIONS[agg]
    for i, (a, b, template, repeats, log2_stride) in enumerate(layers, 3):
        chosen[f"blocks[{i}].a"] = f"x[{a + 1}]"
        chosen[f"blocks[{i}].b"] = f"x[{b + 1}]"
        chosen[f"blocks[{i}].kind"] = f"T[{template + 1}]"
        chosen[f"blocks[{i}].times"] = str(repeats + 1)
        if i <= 5:
            chosen[f"blocks[{i}].stride"] = str(2**log2_stride)
    return chosen


@cache
def space(classes: int, separable_repeats: int, head: int) -> Space:
    program = archdsl.load(specs_folder() / "template.arch")
    return program.space(classes=classes, separable_repeats=separable_repeats, head=head)


def logits(module: nn.Module, key: str) -> np.ndarray:
    shape, index = INPUTS[key]
    with torch.no_grad():
        return shapefill.fill(module)(shapefill.image(shape, index)).numpy()


def error(actual: np.ndarray, expected: np.ndarray) -> float:
    """The greatest difference, as a part of the greatest value."""
    assert actual.shape == expected.shape
    return float(np.abs(actual - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_random_genotype_gives_the_logits_of_the_released_code(
    sample: str, reference: Callable[[str], Path]
) -> None:
    entry = json.loads(reference("template_samples.json").read_text())[sample]
    expected = np.load(reference("template_shapefill.npz"))
    found = space(entry["classes"], entry["sep_repeats"], entry["head_width"])
    module = archdsl.bind(found, decisions(entry["genotype"])).module()
    coarse_is_read = any(1 in (a, b) for a, b, *_ in entry["genotype"][1])
    unread = 0 if coarse_is_read else COARSE_STAGE
    assert sum(p.numel() for p in module.parameters()) + unread == entry["params"]
    for key in INPUTS:
        assert error(logits(module, key), expected[f"{sample}/{key}"]) <= 1e-5


@pytest.mark.parametrize(("entry", "classes"), [("arch0_cs", 19), ("arch0_cv", 11)])
@pytest.mark.parametrize("key", INPUTS)
def test_arch0_gives_the_logits_of_the_released_code(
    entry: str, classes: int, key: str, reference: Callable[[str], Path]
) -> None:
    expected = np.load(reference("template_shapefill.npz"))[f"{entry}/{key}"]
    module = archdsl.compile(specs_folder() / "template_arch0.arch", classes=classes)
    assert error(logits(module, key), expected) <= 1e-5


def test_upsample_adds_the_resize_to_the_image() -> None:
    file = specs_folder() / "template_arch0.arch"
    coarse = logits(archdsl.compile(file), "b")
    fine = logits(archdsl.compile(file, upsample=True), "b")
    resized = F.interpolate(torch.from_numpy(coarse), size=(97, 131), mode="bilinear")
    assert error(fine, resized.numpy()) == 0
