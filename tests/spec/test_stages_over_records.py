"""A stage iterates over records, whose fields configure its statements."""

from __future__ import annotations

import archdsl
from archdsl.program import Program

HEAD = """arch 1

TABLE = [(c = 16, k = 3, act = relu), (c = 32, k = 5, act = relu -> sigmoid)]
NAMED = {narrow: (c = 8), wide: (c = 24)}

"""


def program(statements: str) -> Program:
    return archdsl.load(
        "s.arch", text=f"{HEAD}space S {{\n  input image: [4, 8, 8]\n  x = image\n  {statements}\n}}\n"
    )


def test_iterations_are_named_by_position_in_a_list_and_by_label_in_a_set() -> None:
    text = "stage s for r in TABLE { x = x -> conv(c = r.c, k = r.k) -> r.act -> one of {relu, silu} }\n"
    text += "  stage t for i in 1..2, n in NAMED { x = x -> conv(c = i * n.c, k = one of {1, 3}) }\n"
    text += "  output y = x"
    space = program(text).space()
    assert list(space.decisions) == [
        "s[1].x.1", "s[2].x.1", "t[1, narrow].x.1", "t[1, wide].x.1", "t[2, narrow].x.1", "t[2, wide].x.1",
    ]  # fmt: skip
    sizes = [space.graph.nodes[name].attrs["c"] for name in ("s[1].x.conv", "s[2].x.conv", "t[2, wide].x")]
    assert sizes == [16, 32, 48]


def test_the_rows_of_a_network_name_them_alike() -> None:
    text = "stage t for n in NAMED { x = x -> conv(c = n.c, k = one of {1, 3}) }\n  output y = x"
    space = program(text).space()
    network = space.bind({"t[narrow].x.1": "3", "t[wide].x.1": "1"})
    rows = network.to_arch().partition("network ")[2]
    again = archdsl.load("s.arch", text=f"{program(text).unit.source.text}\nnetwork {rows}").network("Found")
    assert again.chosen == network.chosen
    assert "t[wide] = (x.1 = 1)" in rows


def test_an_error_shows_the_record_of_its_iteration() -> None:
    (error,) = (
        program("stage s for r in TABLE { x = x -> conv(c = r.k, g = r.c) }\n  output y = x")
        .check()
        .diagnostics
    )
    assert error.trace[-1].text == "in stage `s`, r = (c = 16, k = 3, act = …)"


def test_a_record_is_no_subscript_and_other_items_are_refused() -> None:
    for statement in ("stage s for r in TABLE { f[r] = x }", "stage s for r in [relu] { x = x -> r }"):
        (error,) = program(f"{statement}\n  output y = x").check().diagnostics
        assert error.code == "ARCH207"
