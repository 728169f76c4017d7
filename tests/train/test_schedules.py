from __future__ import annotations

import pytest

from archdsl.train.schedules import schedule


@pytest.mark.parametrize(
    ("kind", "half"),
    [("cosine", 0.55), ("linear", 0.55), ("exponential", 10**-0.5), ("poly", 0.1 + 0.9 * 0.5**0.9)],
)
def test_a_schedule_goes_from_the_first_value_to_the_last_by_its_formula(kind, half):
    value = schedule(kind, 1.0, 0.1)
    assert [value(p) for p in (0, 0.5, 1)] == pytest.approx([1.0, half, 0.1])
    assert value(1.5) == value(1)


def test_a_constant_schedule_stays_at_its_first_value():
    assert [schedule("constant", 3.0, 1.0)(p) for p in (0, 0.7, 1)] == [3.0] * 3


def test_the_power_of_poly_can_be_set():
    assert schedule("poly", 1.0, 0.0, power=2)(0.5) == 0.25


def test_an_exponential_schedule_to_zero_is_refused():
    with pytest.raises(ValueError, match="exponential"):
        schedule("exponential", 1.0, 0.0)
