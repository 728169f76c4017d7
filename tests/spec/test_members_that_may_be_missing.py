"""Sets with members that some networks lack, joined."""

from __future__ import annotations

import archdsl
from archdsl.spec.check import Report

SPACE = """\
arch 1

space Gate {{
  input image: [4, 8, 8]
  x[1] = image -> conv(c = 8)
  x[2] = image -> conv(c = {width})
  n = one of {{1, 2}}
  later = x[n + 1]?
  y = {join}
  output z = y -> conv(c = 8) -> relu
}}
"""


def report(join: str, width: int = 8) -> Report:
    return archdsl.load("gate.arch", text=SPACE.format(join=join, width=width)).check()


def test_a_sum_compares_the_channels_of_members_that_are_there() -> None:
    for join in ("add({x[1], later})", "add({later, x[1]})", "add({x[1], later}) + x[1]"):
        found = report(join)
        assert found.diagnostics == ()
        assert found.proofs[0].proved


def test_a_member_of_a_sum_that_may_be_missing_is_wrong_where_it_is_there() -> None:
    for join in ("add({x[1], later})", "add({later, x[1]})"):
        (error,) = report(join, width=6).diagnostics
        assert (error.code, error.witness) == ("ARCH301", (("n", "1"),))


def test_a_member_of_a_concatenation_that_is_missing_has_no_channels() -> None:
    (error,) = report("concat({x[1], later}) + (image -> conv(c = 16))").diagnostics
    assert (error.code, error.witness) == ("ARCH301", (("n", "2"),))


def test_what_joins_only_members_that_are_missing_is_missing() -> None:
    for join in ("add({later})", "add({later, again: x[n + 1]? -> relu})", "concat({later, more: later})"):
        (error,) = report(join).diagnostics
        assert (error.code, error.witness) == ("ARCH406", (("n", "2"),))
