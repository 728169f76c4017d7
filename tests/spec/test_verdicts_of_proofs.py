"""How grave a finding is, and when a space counts as proved."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

import archdsl
from archdsl.ir.graph import Graph
from archdsl.passes.transforms.bind import Bind
from archdsl.spec.elaborate import elaborate

STRIDED = """arch 1

space S {{
  input image: [3, {height}, 64]
  s = one of {{1, {stride}}}
  x = image -> conv(c = 4, s = {first})
  output y = x -> conv(c = 4, s = s)
}}
"""


def severities(height: int, stride: int, first: int, **settings: object) -> dict[str, str]:
    text = STRIDED.format(height=height, stride=stride, first=first)
    found = archdsl.load(Path("s.arch"), text=text).check(**settings).diagnostics
    return {d.headline: d.severity for d in found if d.code == "ARCH330"}


def test_a_stride_that_divides_no_declared_size_is_an_error():
    assert set(severities(height=30, stride=2, first=4).values()) >= {"error"}


def test_a_stride_that_a_decision_makes_indivisible_is_a_note_in_the_space_and_a_warning_in_its_network(
    tmp_path: Path,
):
    (tmp_path / "s.arch").write_text(STRIDED.format(height=32, stride=3, first=1), "utf-8")
    (note,) = archdsl.load(tmp_path / "s.arch").check().diagnostics
    assert (note.code, note.severity, note.witness) == ("ARCH330", "note", (("s", "3"),))
    found = 'arch 1\n\nimport S from "./s.arch"\n\nnetwork Found from S {\n  s = 3\n}\n'
    (tmp_path / "found.arch").write_text(found, "utf-8")
    (warning,) = archdsl.load(tmp_path / "found.arch").check().diagnostics
    assert (warning.code, warning.severity) == ("ARCH330", "warning")


def test_a_size_from_outside_that_a_stride_does_not_divide_is_a_warning():
    network = """arch 1

network N {
  input image: [3, 64, 64]
  output y = image -> conv(c = 4, s = 4)
}
"""
    program = archdsl.load(Path("n.arch"), text=network)
    assert program.check().diagnostics == ()
    found = program.check(image=(3, 62, 64)).diagnostics
    assert [(d.code, d.severity) for d in found] == [("ARCH330", "warning")]


OPEN = Path(archdsl.__file__).parent.parent / "docs" / "errors" / "ARCH408.md"


def test_a_space_with_undecided_conditions_is_not_proved_though_it_has_no_errors():
    example = OPEN.read_text("utf-8").split("```arch\n")[1].split("```")[0]
    (proof,) = archdsl.load(Path("open.arch"), text=example).check(budget=200, allow_open=True).proofs
    assert proof.ok
    assert proof.open
    assert not proof.proved


BROKEN = """arch 1

space S {
  input image: [3, 32, 64]
  a = one of {4, 8}
  b = one of {4, 8}
  c = one of {4, 8}
  d = one of {relu, sigmoid}
  x = image -> conv(c = a)
  y = image -> conv(c = b)
  output z = (x + y) -> conv(c = c) -> d
}
"""


def test_a_witness_names_the_decisions_that_break_and_no_other():
    (error,) = (
        d for d in archdsl.load(Path("s.arch"), text=BROKEN).check().diagnostics if d.severity == "error"
    )
    assert error.code == "ARCH301"
    assert [path for path, _ in error.witness] == ["a", "b"]
    assert len({outcome for _, outcome in error.witness}) == 2


DEEP = """arch 1

space S {
  input image: [3, 32, 64]
  a = one of {4, 8}
  b = one of {4, 8}
  c = one of {4, 8}
  left = one of {relu, sigmoid}
  x = image -> conv(c = a)
  y = image -> conv(c = b)
  depth = one of {1, 2}
  z[1] = x -> conv(c = c) -> left
  z[2] = (x + y) -> conv(c = c)
  output out = z[depth]
}
"""


def test_a_witness_has_the_decision_without_which_no_output_reads_what_fails():
    (error,) = archdsl.load(Path("s.arch"), text=DEEP).check().diagnostics
    assert error.code == "ARCH301"
    assert sorted(path for path, _ in error.witness) == ["a", "b", "depth"]
    assert ("depth", "2") in error.witness


@pytest.mark.parametrize(("budget", "samples"), [(1, 50), (2, 0), (5, 0), (200, 0)])
def test_every_network_that_has_a_witness_fails_whatever_the_budget(budget: int, samples: int):
    program = archdsl.load(Path("s.arch"), text=DEEP)
    (error,) = program.check(budget=budget, samples=samples).diagnostics
    assert error.code == "ARCH301"
    witness = dict(error.witness)
    assert {"a", "b", "depth"} <= set(witness)
    graph = elaborate_ill_typed(program)
    free = [path for path in graph.decisions if path not in witness]
    for outcomes in product(*(graph.decisions[path].outcomes for path in free)):
        with pytest.raises(archdsl.SpecError) as raised:
            Bind({**witness, **dict(zip(free, outcomes, strict=True))})(graph)
        assert [d.code for d in raised.value.diagnostics] == ["ARCH301"]


def elaborate_ill_typed(program: archdsl.Program) -> Graph:
    return elaborate(program.unit, program.spaces["S"], {}).graph
