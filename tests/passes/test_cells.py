"""The cells of a space, and the graph of messages between them."""

from __future__ import annotations

from pathlib import Path

import archdsl
from archdsl.passes.analyses.cells import Cell, Cells
from archdsl.passes.verifying import verified

SPECS = Path(__file__).resolve().parents[2] / "specs"

SPEC = """arch 1

cell Two(x; ops) {
  left = one of ops
  right = one of ops
  return left(x) + right(x)
}

cell Mixed(x) {
  left = one of {relu, sigmoid}
  right = one of {relu, sigmoid, hswish}
  return left(x) + right(x)
}

space S {
  input image: [3, 8, 8]
  k = one of {3, 5}
  x = image -> conv(c = 4, k = k)
  a = Two(x, ops = {relu, sigmoid})
  b = Two(a, ops = {relu, sigmoid, hswish})
  c = Mixed(b)
  d = Two(c, ops = {relu, sigmoid})
  output logits = d
}
"""


def test_decisions_that_stand_together_and_have_as_many_outcomes_are_a_cell():
    found = Cells()(archdsl.load("s.arch", text=SPEC).space().graph, verify=verified)
    assert found.cells == (
        Cell("a", ("a.left", "a.right"), 2),
        Cell("b", ("b.left", "b.right"), 3),
        Cell("d", ("d.left", "d.right"), 2),
    )


def test_a_cell_hears_from_the_last_one_of_its_form():
    space = archdsl.load("s.arch", text=SPEC).space()
    assert Cells()(space.graph).before == {2: 0}
    assert Cells().text(Cells()(space.graph)).splitlines()[2] == "d: 2 decisions of 2 outcomes, after a"


def test_the_fourteen_cells_of_gas_are_a_chain():
    found = Cells()(archdsl.load(SPECS / "gas.arch").space().graph)
    assert {cell.form for cell in found.cells} == {(5, 8)}
    assert found.before == {k: k - 1 for k in range(1, 14)}
