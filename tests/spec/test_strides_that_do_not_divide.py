"""A network whose strides do not divide its sizes is written as text that `check` accepts."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from enumeration import program
from hypothesis import given, reject
from hypothesis import strategies as st

import archdsl
from archdsl.diagnostics import SpecError
from archdsl.ir.same import canonical_text
from archdsl.spec.decompile import written_out

PAIRS = st.one_of(st.integers(1, 4), st.lists(st.integers(1, 4), min_size=2, max_size=2))


@st.composite
def windows(draw: st.DrawFn) -> str:
    op, settings = draw(
        st.sampled_from(
            [
                ("conv", "c = 4, k = {k}, d = {d}"),
                ("dwconv", "k = {k}, d = {d}"),
                ("max_pool", "k = {k}"),
                ("avg_pool", "k = {k}, ceil = true"),
                ("zero", "c = 4"),
            ]
        )
    )
    k, d, s = draw(PAIRS), draw(PAIRS), draw(PAIRS.filter(lambda s: s not in (1, [1, 1])))
    return f"{op}({settings.format(k=k, d=d)}, s = one of {{1, {s}}})"


@given(st.lists(windows(), min_size=1, max_size=3), st.integers(20, 40), st.integers(20, 40))
def test_networks_of_a_space_are_written_as_text_without_errors_and_read_as_the_same_graph(
    layers: list[str], h: int, w: int
):
    text = f"arch 1\n\nspace S {{\n  input x: [3, {h}, {w}]\n  output y = x -> {' -> '.join(layers)}\n}}\n"
    space = program(text).space("S")
    strided: Mapping[str, str] = {path: d.outcomes[-1] for path, d in space.decisions.items()}
    try:
        found = space.bind(strided, "F").bound
    except SpecError:
        reject()  # a window is larger than its map
    again = archdsl.load("f.arch", text=written_out(found))
    assert not [d for d in again.check().diagnostics if d.severity == "error"], written_out(found)
    assert canonical_text(again.network().bound) == canonical_text(found)


@pytest.mark.parametrize(
    ("settings", "default"),
    [("k = 5, padding = 2", "k = 5"), ("k = [3, 5], d = 2, padding = [2, 4]", "k = [3, 5], d = 2")],
)
def test_the_default_padding_is_the_same_graph_whether_it_is_written_or_not(settings: str, default: str):
    one, other = (
        archdsl.load(
            "n.arch",
            text=f"arch 1\n\nnetwork N {{\n  input x: [3, 32, 32]\n  output y = x -> conv(c = 4, {s})\n}}\n",
        ).network()
        for s in (settings, default)
    )
    assert canonical_text(one.bound) == canonical_text(other.bound)


def test_a_padding_that_a_decision_makes_the_default_is_the_same_graph_as_without():
    text = """arch 1

space S {
  input x: [3, 32, 32]
  output y = x -> conv(c = 4, k = one of {3, 5}, padding = one of {1, 2})
}
"""
    space = program(text).space("S")
    path_of = {tuple(d.outcomes): path for path, d in space.decisions.items()}
    found = space.bind({path_of["3", "5"]: "3", path_of["1", "2"]: "1"}, "F").bound
    assert "padding" not in found.nodes["y"].attrs  # type: ignore[union-attr]
