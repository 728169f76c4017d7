"""Values over decisions are equal if they are the same expression, found in work linear in its parts."""

from __future__ import annotations

from itertools import accumulate

import pytest

from archdsl.ir import Pick
from archdsl.ir.expr import Apply


def chain(number: int, last: int = 1) -> list[Apply]:
    """Values, each a function of the one before; of one list, all share their parts."""
    picks = [Pick(f"d{n}", (1, 2)) for n in range(number)] + [Pick("e", (1, last))]
    first = Apply("floordiv", (picks[0], 2))
    return list(accumulate(picks[1:], lambda before, pick: Apply("mul", (before, pick)), initial=first))


def test_values_that_share_their_parts_are_compared_part_by_part_once(monkeypatch: pytest.MonkeyPatch):
    compared: list[object] = []
    equal = Pick.__eq__

    def counted(self: Pick, other: object) -> bool:
        compared.append(other)
        return equal(self, other)

    monkeypatch.setattr(Pick, "__eq__", counted)
    one, other = chain(200), chain(200)
    assert [a == b for a, b in zip(one, other, strict=True)] == [True] * 201
    assert len(compared) <= 201


def test_a_value_that_doubles_at_each_step_is_compared_in_as_many_steps():
    def doubled() -> Apply:
        value = Apply("add", (Pick("d", (1, 2)), 1))
        for _ in range(200):
            value = Apply("add", (value, value))
        return value

    assert doubled() == doubled()


def test_values_that_differ_in_one_part_stay_different_from_those_that_are_equal_to_it():
    a, b, c = chain(5), chain(5), chain(5, last=1)
    different = chain(5, last=3)
    assert a == b == c
    assert b[-2] == different[-2]
    assert a[-1] != different[-1]
    assert c[-1] == a[-1]
    assert Apply("add", (a[-1], 1)) != Apply("add", (b[-1], 1.0))
    assert Apply("add", (a[-1], 1)) != Apply("add", (b[-1], True))
