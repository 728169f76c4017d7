"""Curves, heat maps and journeys, read back as XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import HOSTILE, SVG, words

from archdsl.report.curves import Curve, curves, thinned
from archdsl.report.heat_map import HeatRow, heat_map
from archdsl.report.journey import Stop, journey
from archdsl.report.search_charts import entropy

numbers = st.floats(-1e12, 1e12) | st.integers(-(10**9), 10**9)
LABELS = {"title": "t", "x_label": "x", "y_label": "y"}


def places(element: ET.Element) -> list[tuple[float, float]]:
    return [
        tuple(map(float, corner.split(",")))
        for found in element.iter(f"{SVG}polyline")
        for corner in found.get("points", "").split()
    ]


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=30), st.booleans())
def test_a_curve_lies_inside_its_picture(points, step):
    root = ET.fromstring(curves([Curve("a", points, step=step)], **LABELS))
    for x, y in places(root):
        assert 0 <= x <= float(root.get("width", "nan"))
        assert 0 <= y <= float(root.get("height", "nan"))


def test_a_step_changes_half_way_between_its_points():
    made = places(ET.fromstring(curves([Curve("a", [(0, 1), (2, 3)], step=True)], **LABELS)))
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = made
    assert x1 == x2 == pytest.approx((x0 + x3) / 2, abs=0.01)
    assert y0 == y1 > y2 == y3


def test_a_long_step_curve_still_has_whole_steps():
    points = [(n, 1 + n % 2) for n in range(1000)]
    heights = {y for _, y in places(ET.fromstring(curves([Curve("a", points, step=True)], **LABELS)))}
    assert len(heights) == 2


def test_names_of_curves_that_end_together_are_kept_apart():
    rows = [Curve(f"curve {n}", [(0, 0), (1, 5 + n / 1e6)], n) for n in range(6)]
    root = ET.fromstring(curves(rows, **LABELS))
    heights = sorted(
        float(e.get("y", 0)) for e in root.iter(f"{SVG}text") if (e.text or "").startswith("curve")
    )
    assert all(below - above >= 13.9 for above, below in pairwise(heights))


def test_a_faint_curve_that_is_not_named_leaves_no_name():
    svg = curves([Curve("a", [(0, 1), (1, 2)]), Curve("b", [(0, 1)], faint=True, named=False)], **LABELS)
    assert "a" in words(ET.fromstring(svg))
    assert "b" not in words(ET.fromstring(svg))


@given(st.lists(numbers, min_size=1, max_size=300), st.integers(1, 50))
def test_thinning_keeps_the_mean_place_and_the_order(values, most):
    points = [(float(n), float(v)) for n, v in enumerate(values)]
    kept = thinned(points, most)
    assert len(kept) == min(len(points), most)
    assert [x for x, _ in kept] == sorted(x for x, _ in kept)
    assert min(values) - 1 <= min(y for _, y in kept) <= max(y for _, y in kept) <= max(values) + 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="drawn"):
        curves([Curve("a", [(0, value)])], **LABELS)
    with pytest.raises(ValueError, match="drawn"):
        journey([Stop(value, 0, 1)], **LABELS)


def test_a_heat_map_is_as_strong_as_its_probabilities_and_has_no_cell_where_there_is_none():
    svg = heat_map([HeatRow("a", [0.25, 0.75], 1), HeatRow("b", [1.0])], ["x", "y"], title="t")
    root = ET.fromstring(svg)
    strengths = [box.get("fill-opacity") for box in root.iter(f"{SVG}rect") if box.get("fill-opacity")]
    assert strengths == ["0.250", "0.750", "1.000"]
    assert {"25", "75", "100", "a", "b", "x", "y"} <= set(words(root))
    assert sum(box.get("fill") == "none" for box in root.iter(f"{SVG}rect")) == 1


def test_a_heat_map_of_many_outcomes_keeps_its_width_and_drops_the_numbers():
    columns = [f"outcome {n}" for n in range(50)]
    root = ET.fromstring(heat_map([HeatRow("a", [0.02] * 50)], columns, title="t"))
    assert float(root.get("width", "inf")) < 720
    assert "2" not in words(root)


def test_a_journey_joins_its_stops_and_says_when_it_was_where():
    svg = journey([Stop(3, 2, 1), Stop(2, 1, 2), Stop(1, 1, 3)], **LABELS)
    root = ET.fromstring(svg)
    assert len(list(root.iter(f"{SVG}polyline"))) == 2
    tips = [circle.findtext(f"{SVG}title") for circle in root.iter(f"{SVG}circle")]
    assert tips == ["epoch 1: x 3, y 2", "epoch 2: x 2, y 1", "epoch 3: x 1, y 1"]


def test_ticks_that_lie_close_are_told_apart():
    svg = journey([Stop(18_860_000, 2, 1), Stop(18_900_000, 1, 2)], **LABELS)
    labels = words(ET.fromstring(svg))
    assert {"18,870,000", "18,880,000"} <= set(labels)


def test_hostile_names_are_text():
    for svg in (
        curves([Curve(HOSTILE, [(0, 1)], dots=True)], title=HOSTILE, x_label=HOSTILE, y_label=HOSTILE),
        heat_map([HeatRow(HOSTILE, [1.0], 0)], [HOSTILE], title=HOSTILE, summary=HOSTILE),
        journey([Stop(1, 1, 1)], title=HOSTILE, x_label=HOSTILE, y_label=HOSTILE),
    ):
        assert not list(ET.fromstring(svg).iter("script"))
        assert "<script" not in svg


def test_entropy_is_one_where_all_are_alike_and_nought_where_one_is_sure():
    assert entropy([0.25] * 4) == pytest.approx(1)
    assert entropy([0, 1, 0]) == 0
    assert entropy([1.0]) == 0
    assert entropy([0.9, 0.1]) == pytest.approx(0.469, abs=1e-3)
