"""`split`: the channels of a tensor as a list of slices."""

from __future__ import annotations

import pytest

import archdsl
from archdsl import SpecError
from archdsl.ir import Node


def spec(body: str) -> str:
    return f"arch 1\n\nspace S {{\n  input image: [3, 8, 8]\n{body}\n}}\n"


@pytest.mark.parametrize("split", ["x -> split(n = 3)", "split(x, n = 3)"])
def test_the_parts_are_slices_of_equally_many_channels(split: str) -> None:
    text = spec(f"  x = image -> conv(c = 12)\n  a, b, c = {split}\n  output y = concat(a, c)")
    graph = archdsl.load("s.arch", text=text).space().graph
    slices = [n.attrs for n in graph.nodes.values() if isinstance(n, Node) and n.op == "slice"]
    assert [(a["first"], a["last"]) for a in slices if a["first"] != 5] == [(1, 4), (9, 12)]


def test_parts_follow_searched_channels() -> None:
    text = spec("  x = image -> conv(c = one of {4, 8})\n  a, b = x -> split\n  output y = a + b")
    space = archdsl.load("s.arch", text=text).space()
    assert {space.bind({path: n}).layers[-1].shape[0] for path in space.decisions for n in "48"} == {2, 4}


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("  a, b = image -> split\n  output y = a", "ARCH310", "3 channels are not divisible into 2 parts"),
        ("  a, b = image -> split(n = 3)\n  output y = a", "ARCH219", "3 values into 2 names"),
        (
            "  a, b = image -> split(n = 0)\n  output y = a",
            "ARCH208",
            "integer from 1 to 1000, got an integer (0)",
        ),
        ("  a, b = image -> split(k = 2)\n  output y = a", "ARCH204", "no setting `k`"),
        ("  n = one of {1, 3}\n  a, b = image -> split(n = n)\n  output y = a", "ARCH217", "the same in all"),
        ("  a, b = split(image, image)\n  output y = a", "ARCH206", "1 tensor, got 2"),
        (
            "  x = image -> conv(c = one of {4, 6})\n  a, b, c, d = x -> split(n = 4)\n  output y = a",
            "ARCH310",
            "not divisible into 4 parts",
        ),
    ],
)
def test_a_split_that_is_impossible_is_said_with_its_numbers(body: str, code: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        archdsl.load("s.arch", text=spec(body)).space()
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert said in found.headline


def test_an_op_of_that_name_comes_first() -> None:
    text = "arch 1\n\nop split(x) = x -> relu\n" + spec("  output y = image -> split").removeprefix(
        "arch 1\n"
    )
    space = archdsl.load("s.arch", text=text).space()
    assert [n.op for n in space.graph.nodes.values() if isinstance(n, Node)] == ["relu"]
