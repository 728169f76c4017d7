"""Charts and pages, read back as XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.report.charts import Bar, Point, bars, binned, histogram, scatter, short
from archdsl.report.sheet import section, sheet

SVG = "{http://www.w3.org/2000/svg}"
numbers = st.floats(-1e15, 1e15) | st.integers(-(10**12), 10**12)
HOSTILE = "<script>alert('&\"')</script>\x00\x1b"


def texts(svg: str) -> list[str]:
    return [e.text or "" for e in ET.fromstring(svg).iter(f"{SVG}text")]


def test_a_bar_is_as_long_as_its_value_and_named_beside_it():
    svg = bars([Bar("stem", 10.0), Bar("head", 5.0, spread=0.5, note="twice")], title="Layers", unit="ms")
    boxes = [float(e.get("width", 0)) for e in ET.fromstring(svg).iter(f"{SVG}rect")][1:]
    assert boxes[0] == pytest.approx(2 * boxes[1], rel=1e-3)
    assert {"Layers", "stem", "head", "10 ms", "5 ± 0.5 ms twice"} <= set(texts(svg))


def test_negative_bars_are_refused():
    with pytest.raises(ValueError, match="negative"):
        bars([Bar("a", -1.0)], title="t")


@given(st.lists(numbers, min_size=1, max_size=50), st.integers(1, 60))
def test_every_value_falls_into_one_bin(values, bins):
    edges, counts = binned(values, bins)
    assert sum(counts) == len(values)
    assert len(edges) == len(counts) + 1
    assert edges == sorted(edges)


@pytest.mark.parametrize("value", [0.0, 1e15, 1e22, -1e300])
def test_equal_values_of_any_size_are_one_bar(value):
    edges, counts = binned([value] * 3, 16)
    assert counts == [3]
    assert edges[0] < value < edges[1]
    assert "<svg" in histogram([value] * 3, title="t", x_label="x", marks=[("least", value)])


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=20))
def test_all_points_lie_inside_the_picture(places):
    root = ET.fromstring(scatter([Point(x, y) for x, y in places], title="t", x_label="x", y_label="y"))
    circles = list(root.iter(f"{SVG}circle"))
    assert len(circles) == len(places)
    for circle in circles:
        assert 0 <= float(circle.get("cx", "nan")) <= float(root.get("width", "nan"))
        assert 0 <= float(circle.get("cy", "nan")) <= float(root.get("height", "nan"))


def test_a_band_gives_both_axes_one_scale():
    svg = scatter([Point(1, 2), Point(9, 8)], title="t", x_label="x", y_label="y", band=0.1)
    assert len(list(ET.fromstring(svg).iter(f"{SVG}polygon"))) == 1
    assert texts(svg).count("6") == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="drawn"):
        histogram([1.0, value], title="t", x_label="x")


def test_a_chart_of_nothing_says_so():
    for svg in (
        bars([], title="t"),
        histogram([], title="t", x_label="x"),
        scatter([], title="t", x_label="x", y_label="y"),
    ):
        assert "nothing to show" in texts(svg)


def test_names_of_a_spec_are_shown_and_never_obeyed():
    chart = bars([Bar(HOSTILE, 1.0)], title=HOSTILE)
    whole = sheet(HOSTILE, (), [section(HOSTILE, [HOSTILE], [chart], [HOSTILE], [[HOSTILE]])])
    tags: list[str] = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    reader.feed(whole)
    assert "svg" in tags
    assert "script" not in tags
    assert "\x1b" not in whole
    assert ET.fromstring(chart) is not None


def test_numbers_are_written_in_three_digits():
    assert [short(v) for v in (0, 0.25, 9.14, 120, 1234, 999_999, 38_400_000, 2.13e9)] == [
        "0", "0.25", "9.14", "120", "1.23k", "1M", "38.4M", "2.13G",
    ]  # fmt: skip


def test_shares_stand_under_one_another_as_numbers_do():
    text = sheet("t", (), [section("s", head=("a", "b"), rows=[("name", "9.5%"), ("other", "1,200")])])
    assert '<td class="n">9.5%</td>' in text
    assert '<td class="n">1,200</td>' in text
    assert "<td>name</td>" in text
