"""Networks that compute the same are one."""

from __future__ import annotations

import archdsl
from archdsl.passes.identity import identity

TEXT = """arch 1
OPS = {conv, skip: identity, zero}
space S {
  input image: [3, 8, 8]
  a = image -> one of OPS
  b = image -> one of OPS
  output y = a + b
}
"""


def of(a: str, b: str) -> str:
    space = archdsl.load("s.arch", text=TEXT).space()
    return identity(space.bind({"a.1": a, "b.1": b}).graph)


def test_networks_that_differ_in_names_and_the_order_of_a_sum_are_one():
    assert of("conv", "skip") == of("skip", "conv")
    assert of("conv", "zero") == of("zero", "conv")


def test_networks_that_compute_something_else_are_two():
    assert len({of("conv", "skip"), of("conv", "conv"), of("conv", "zero"), of("zero", "zero")}) == 4
