"""Charts of many points, read back as XML."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import HOSTILE, SVG, words

from archdsl.report.axis import LogAxis
from archdsl.report.charts import Point
from archdsl.report.clouds import Series, apart, clouds

numbers = st.floats(-1e12, 1e12) | st.floats(1e-9, 1e12) | st.integers(0, 10**9).map(float)
places = st.lists(st.tuples(numbers, numbers), max_size=20)


def drawn(*rows: Series) -> ET.Element:
    return ET.fromstring(clouds(rows, title="t", x_label="cost", y_label="quality"))


@given(st.lists(places, min_size=1, max_size=9))
@settings(max_examples=50, deadline=None)
def test_everything_lies_inside_the_picture_below_a_legend_of_all_names(many: list) -> None:
    rows = [
        Series(f"series {n}", cloud=at, line=at, marks=[Point(*one) for one in at], colour=n)
        for n, at in enumerate(many)
    ]
    root = drawn(*rows)
    width, height = float(root.get("width", "nan")), float(root.get("height", "nan"))
    for circle in root.iter(f"{SVG}circle"):
        assert 0 <= float(circle.get("cx", "nan")) <= width
        assert 0 <= float(circle.get("cy", "nan")) <= height
    assert {row.name for row in rows if row.places} <= set(words(root))


def test_a_legend_too_long_for_a_line_goes_on_below() -> None:
    root = drawn(*(Series(f"a rather long name of run {n}", line=[(0, n), (1, n)]) for n in range(6)))
    named = [text for text in root.iter(f"{SVG}text") if "rather long" in (text.text or "")]
    assert len({text.get("y") for text in named}) > 1
    assert max(float(text.get("x", "nan")) for text in named) < float(root.get("width", "nan")) - 100


def test_a_picture_of_a_hundred_thousand_points_is_small_and_reaches_as_far() -> None:
    rng = random.Random(0)
    cloud = [(rng.gauss(0, 1), rng.gauss(0, 1)) for _ in range(100_000)]
    text = clouds([Series("all", cloud=cloud)], title="t", x_label="x", y_label="y")
    assert len(text) < 400_000
    across = [float(c.get("cx", "nan")) for c in ET.fromstring(text).iter(f"{SVG}circle")]
    assert max(across) - min(across) > 500


@given(
    st.lists(st.tuples(st.floats(0, 640), st.floats(0, 380)), min_size=1, max_size=200), st.integers(1, 50)
)
@settings(max_examples=50, deadline=None)
def test_places_that_are_left_out_have_a_neighbour_that_is_drawn(at: list, most: int) -> None:
    kept = apart(at, most)
    assert len(kept) <= max(most, 1)
    assert set(kept) <= set(at)


def test_values_of_different_magnitude_have_a_logarithmic_axis() -> None:
    root = drawn(Series("a", marks=[Point(1e3, 1.0), Point(1e6, 2.0), Point(1e9, 1.5)]))
    across = [float(c.get("cx", "nan")) for c in root.iter(f"{SVG}circle")][:3]
    assert across[1] - across[0] == pytest.approx(across[2] - across[1], rel=0.01)
    assert {"cost, logarithmic", "quality", "1k", "1M", "1G"} <= set(words(root))


@given(st.floats(1e-12, 1e9), st.floats(30.0, 1e12), st.integers(3, 9))
@settings(max_examples=50, deadline=None)
def test_logarithmic_axes_have_some_round_ticks_and_not_too_many(
    low: float, ratio: float, about: int
) -> None:
    axis = LogAxis(low, low * ratio, 0.0, 100.0)
    ticks = axis.ticks(about)
    assert 1 <= len(ticks) <= about + 2
    assert all(-1e-6 <= axis(tick) <= 100 + 1e-6 for tick in ticks)


def test_names_are_escaped_and_what_is_not_finite_is_refused() -> None:
    assert HOSTILE not in clouds([Series(HOSTILE, cloud=[(0, 0)])], title=HOSTILE, x_label="", y_label="")
    with pytest.raises(ValueError, match="not finite"):
        clouds([Series("a", cloud=[(0.0, float("nan"))])], title="t", x_label="x", y_label="y")
    assert "nothing to show" in clouds([], title="t", x_label="x", y_label="y")
