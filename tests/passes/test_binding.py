"""A network bound from a space, and what is said of decisions and networks that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

import archdsl
from archdsl.passes.analyses.shapes import Shapes
from archdsl.passes.transforms.bind import Bind, Binder
from archdsl.spec.elaborate import elaborate

CHAIN = """arch 1

cell Block(x; c) {{
  y = x -> one of {{conv: conv(c = c), dw: dwconv}}
  return y -> relu
}}

space S {{
  input image: [3, 16, 16]
  x[1] = image -> conv(c = 4)
  stage body for i in 2..{depth} {{
    x[i] = Block(x[i - 1], c = 4)
  }}
  depth = one of {{1..{depth}}}
  output y = x[depth]
}}
"""


def space(text: str) -> archdsl.Space:
    return archdsl.load(Path("s.arch"), text=text).space()


def test_at_most_five_missing_decisions_are_listed():
    with pytest.raises(archdsl.SpecError) as raised:
        archdsl.bind(space(CHAIN.format(depth=9)), {"depth": 9})
    (error,) = raised.value.diagnostics
    assert error.headline.startswith("no outcome for 8 of the decisions of `S`")
    assert error.headline.count("body[") == 5


def test_a_network_has_the_instances_of_its_cells_and_no_others():
    of = space(CHAIN.format(depth=4))
    network = archdsl.bind(of, {"depth": 2, "body[2].y.1": "dw"})
    assert set(network.bound.instances) == {"body[2].x"}


WIDE = """arch 1

space S {{
  input image: [3, 16, 16]
{decisions}
  x = image -> conv(c = {total})
  output y = x -> conv(c = 8, g = 8)
}}
"""


@pytest.mark.parametrize(("count", "named"), [(8, 8), (9, 0)])
def test_an_ill_typed_network_is_located_and_its_decisions_named_if_they_are_few(count: int, named: int):
    paths = [f"w{n}" for n in range(1, count + 1)]
    lines = "\n".join(f"  {path} = one of {{1, 2}}" for path in paths)
    program = archdsl.load(Path("s.arch"), text=WIDE.format(decisions=lines, total=" + ".join(paths)))
    graph = elaborate(program.unit, program.spaces["S"], {}).graph
    with pytest.raises(archdsl.SpecError) as raised:
        Bind({path: 1 if path != "w1" else 2 for path in paths} | ({"w2": 2} if count == 8 else {}))(graph)
    (error,) = raised.value.diagnostics
    assert error.code == "ARCH310"
    assert error.primary is not None
    start = error.primary.location.start
    assert program.unit.source.text[start:].startswith("conv(c = 8")
    assert len(error.witness) == named


def test_shapes_are_remembered_for_a_network_that_is_well_typed():
    of = space(CHAIN.format(depth=3))
    binder = Binder(of.graph)
    bound = binder.bind(binder.outcomes({"depth": 1}))
    assert bound.failures == ()
    assert bound.graph.facts[Shapes()] is bound.shapes


ELSEWHERE = """arch 1

space S {
  input image: [3, 16, 16]
  depth = one of {1, 2}
  w = one of {4, 8}
  x[1] = image -> conv(c = 2)
  x[2] = x[1] -> conv(c = w)
  output y = x[depth]
  require x[2].c == 8
}
"""


@pytest.mark.parametrize(
    ("decisions", "met"),
    [({"depth": 1}, True), ({"depth": 2, "w": 8}, True), ({"depth": 2, "w": 4}, False)],
)
def test_a_requirement_on_a_tensor_that_a_network_lacks_is_met_by_some_outcome(decisions: dict, met: bool):
    network = archdsl.bind(space(ELSEWHERE), decisions)
    (requirement,) = network.bound.requirements
    assert requirement.condition is met


UNUSED = """arch 1

space S {{
  input image: [3, 16, 16]
  w = one of {{4, 8}}
  gate = one of {{1..3}}
  x[1] = image -> conv(c = w)
  x[2] = x[1] -> conv(c = 2 * w)
  x[3] = x[2] -> conv(c = 2)
  before = x[gate - 1]?
  y = one of {{plain: image, before?, deep: x[gate]}}
  output o = y -> conv(c = 2)
  require before.c == {wanted}
}}
"""


@pytest.mark.parametrize(
    ("wanted", "chosen", "met"),
    [
        # Of a tensor that is not in the network: it holds if some outcomes of the free decisions satisfy it.
        (16, {"y": "plain"}, True),
        (12, {"y": "plain"}, False),
        (16, {"y": "deep", "gate": 3, "w": 8}, True),
        (16, {"y": "deep", "gate": 3, "w": 4}, False),
        # `before` is not defined with gate 1, so it has no size.
        (4, {"y": "deep", "gate": 1, "w": 4}, False),
    ],
)
def test_a_requirement_on_a_tensor_outside_of_the_network_holds_for_some_outcomes(wanted, chosen, met):
    (requirement,) = space(UNUSED.format(wanted=wanted)).bind(chosen).bound.requirements
    assert requirement.condition is met
