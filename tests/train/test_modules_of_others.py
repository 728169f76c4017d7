"""Evaluating modules that do not fit the data, and arguments of other types: what is wrong is said."""

from __future__ import annotations

import random

import pytest
import torch
from torch import nn

import archdsl
from archdsl.diagnostics import SpecError

DATA = "synthetic:images=4,size=32x64"
SPEC = """arch 1
space S {
  input image: [3, 32, 64]
  output y = image -> conv(c = 11, k = one of {1, 3})
}
"""


class Other(nn.Module):
    def __init__(self, of):
        super().__init__()
        self.of = of

    def forward(self, x):
        return self.of(x)


def fails(x):
    raise RuntimeError("it fails on purpose")


@pytest.mark.parametrize(
    ("of", "code", "said"),
    [
        (lambda x: x[:, :2], "ARCH918", "predicts 2 classes, but the data has 11"),
        (lambda x: x[:, :1].repeat(1, 11, 1, 1) * float("nan"), "ARCH934", "NaN"),
        (lambda x: {"out": x}, "ARCH918", "must return logits, N × classes × H × W, not dict"),
        (lambda x: x.argmax(1), "ARCH918", "not a tensor of 3 dimensions"),
        (fails, "ARCH918", "RuntimeError: it fails on purpose"),
    ],
)
def test_a_module_that_does_not_fit_is_refused_with_the_reason(of, code, said):
    with pytest.raises(SpecError) as refused:
        archdsl.evaluate(Other(of), DATA, device="cpu")
    (found,) = refused.value.diagnostics
    assert found.code == code
    assert said in f"{found.headline} {found.help}"


def test_class_weights_may_be_a_list(tmp_path):
    network = archdsl.bind(SPEC, {"y.1": 1})
    weights = [1, 2.5, *[1.0] * 9]
    options = {"epochs": 1, "batch": 2, "device": "cpu"}
    listed = archdsl.train(network, DATA, class_weights=weights, folder=tmp_path / "a", **options)
    written = archdsl.train(
        network, DATA, class_weights="1,2.5" + 9 * ",1.0", folder=tmp_path / "b", **options
    )
    own, others = listed.module().state_dict(), written.module().state_dict()
    assert all(torch.equal(own[name], others[name]) for name in own)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda s: archdsl.check(3), TypeError),
        (lambda s: archdsl.train(s, DATA), TypeError),
        (lambda s: archdsl.evaluate(Other(lambda x: x), 3), TypeError),
        (lambda s: s.sample(random.Random(0), over="all"), ValueError),
        (lambda s: s.bind({"y.1": 1}, "my net"), ValueError),
    ],
)
def test_arguments_of_other_types_are_named(call, kind):
    with pytest.raises(kind, match=r"expected a Program|data must be|`over` is|plain word"):
        call(archdsl.load(SPEC).space())
