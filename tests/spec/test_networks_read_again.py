"""A network that is read is that of its space, with its names: ops by numbers, undefined candidates."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

import archdsl
from archdsl.diagnostics import SpecError
from archdsl.program import Network, Space

HEAD = """arch 1
L = [conv, conv(k = 1), relu]
cell A(x) {
  k = one of {1, 3}
  return x -> conv(k = k)
}
cell B(x) {
  s = one of {relu, silu}
  return x -> s -> A
}
cell C(x; o: op = relu, n: int = 1) {
  q = o if n > 1 else conv
  return x -> q
}
space S {
  input image: [4, 8, 8]
  d = one of {1..3}
  e = one of {1, 2}
"""

SPACES = {
    "an op by a number": "y = image -> (conv if d == 1 else conv(k = 1))",
    "a cell by a number": "c = A if d == 1 else (B if d == 2 else relu)\n  y = image -> c",
    "an op by two numbers": "y = image -> (conv if d + e > 3 else conv(k = 1))",
    "an op by a size": "x = image -> conv(c = 2 * d)\n  y = x -> (conv if x.c == 4 else conv(k = 1))",
    "an op by what is defined": "f[1] = image\n  t = f[e - 1]?\n  y = image -> (A if defined(t) else conv)",
    "an item of a list": "y = image -> L[d]",
    "an entry of an indexed name": "f[1] = conv\n  f[2] = A\n  y = image -> f[e]",
    "an op of a setting": "y = C(C(image, n = e, o = conv(k = 1)), n = 2, o = one of {conv, silu})",
    "a record chosen": "r = one of {a: (o = conv, c = 4), b: (o = A, c = 6)}\n"
    "  y = image -> r.o -> conv(c = r.c)",
    "a record by a number": "r = (o = conv, c = 4) if e == 1 else (o = relu, c = 6)\n"
    "  y = image -> r.o -> conv(c = r.c)",
    "a list chosen": "k = one of {[1, 3], [3, 1]}\n  y = image -> conv(k = k)",
    "decisions among undefined tensors": "f[1] = image\n  t = f[d]?\n  c1 = one of {p: t, q: t -> relu}\n"
    "  c2 = any 2 of {p: t, q: t -> relu, r: c1}\n  c3 = some of {p: t, q: c1}\n"
    "  y = concat({m: image, c1, c2: concat(c2), c3: concat(c3)}) -> conv(c = 4)",
    "a list of ops chosen": "l = one of {a: [conv, 3], b: [relu, 5]}\n  y = image -> l[1] -> conv(k = l[2])",
}


def networks(space: Space) -> list[Network]:
    outcomes = [d.outcomes for d in space.decisions.values()]
    return [space.bind(dict(zip(space.decisions, chosen, strict=True))) for chosen in product(*outcomes)]


def read_again(text: str, network: Network) -> Network:
    rows = "network " + network.to_arch().partition("\nnetwork ")[2]
    program = archdsl.load(Path("again.arch"), text=f"{text}\n{rows}")
    assert program.check().ok
    return program.network(network.name)


@pytest.mark.parametrize("statements", SPACES.values(), ids=SPACES)
def test_a_network_that_is_read_has_the_nodes_and_decisions_of_its_space(statements: str):
    text = f"{HEAD}  {statements}\n  output logits = y\n}}\n"
    program = archdsl.load(Path("space.arch"), text=text)
    assert program.check().ok
    for network in networks(program.space()):
        again = read_again(text, network)
        assert again.bound == network.bound, network.chosen


@pytest.mark.parametrize(
    ("rows", "code", "where"),
    [
        ("d = 1\n y.k = 1", "ARCH501", "y.k = 1"),
        ("d = 2\n y.2.s = relu", "ARCH504", "F"),
        ("d = 1\n y.1.k = 7", "ARCH502", "y.1.k = 7"),
    ],
)
def test_rows_of_such_a_network_are_checked_where_they_are_written(rows: str, code: str, where: str):
    text = f"{HEAD}  {SPACES['a cell by a number']}\n  output logits = y\n}}\n"
    text += f"network F from S {{\n e = 1\n {rows}\n}}\n"
    with pytest.raises(SpecError) as refused:
        archdsl.load(Path("f.arch"), text=text).network("F")
    (found,) = refused.value.diagnostics
    assert found.code == code
    assert found.primary is not None
    location = found.primary.location
    assert location.source.text[location.start : location.end].startswith(where.split(" ")[0])


def test_strides_that_do_not_divide_are_still_noted_in_such_a_network():
    text = f"{HEAD}  y = image -> (conv(s = 3) if d == 1 else conv(k = 1))\n  output logits = y\n}}\n"
    found = archdsl.load(Path("f.arch"), text=f"{text}network F from S {{ d = 1 }}\n").check()
    assert "ARCH330" in {d.code for d in found.diagnostics}
