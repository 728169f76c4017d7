"""`archdsl widen`: the neighbourhood of a network as a space."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings

import archdsl
from archdsl.cli import run
from archdsl.diagnostics import SpecError
from archdsl.ir.same import canonical_text
from archdsl.passes.transforms.simplify import simplify
from archdsl.program import Network
from archdsl.widen.candidates import candidates
from archdsl.widen.widening import Neighbourhood, Widened, widen
from archdsl.widen.widths import numbers
from random_networks import networks

SPECS = Path(__file__).parent.parent.parent / "specs"
FACTORS = [Fraction(n, 4) for n in range(2, 7)]

RESIDUAL = """arch 1

import conv_bn_relu from "std/ops.arch"

op residual(x) {
  y = x -> conv_bn_relu -> conv -> bn
  return x + y -> relu
}

network Net {
  input image: [3, 64, 128]
  x = image -> conv_bn_relu(c = 16, s = 2) -> residual -> residual
  y = x -> conv_bn_relu(c = 32, s = 2)
  up = y -> conv_bn_relu(c = 16, k = 1) -> resize(like = x)
  output logits = up + x -> conv(c = 5, k = 1, bias = true)
}
"""


def widened(spec: str | Path, ops: str = "", depth: int = 1, factors=FACTORS, multiple: int = 8) -> Widened:
    network = archdsl.load(spec).network()
    around = Neighbourhood(factors, multiple, depth, candidates(ops))
    return widen(network, around, f"{network.name}Near")


def errors(found: Widened) -> list[str]:
    return [
        d.code for d in found.program.check().diagnostics if d.severity == "error" and d.code != "ARCH330"
    ]


@pytest.mark.parametrize("spec", ["plain_small", "fasterseg_student", "camvid_found", "template_arch0"])
def test_the_network_is_one_of_a_space_whose_networks_are_all_well_typed(spec):
    found = widened(SPECS / f"{spec}.arch", "sep_conv, conv(k = 5)")
    original = archdsl.load(SPECS / f"{spec}.arch").network().with_train_outputs()
    assert canonical_text(found.origin.with_train_outputs().graph) == canonical_text(original.graph)
    assert errors(found) == []
    assert found.space.size > 1000


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(graph=networks(most=8))
def test_a_random_network_is_in_its_neighbourhood(graph):
    network = Network(simplify(graph))
    around = Neighbourhood(FACTORS, 2, 1, candidates("sep_conv, max_pool"))
    try:
        found = widen(network, around, "RandomNear")
    except SpecError as error:
        codes = [d.code for d in error.diagnostics]
        event("nothing varies")
        assert codes == ["ARCH834"]
        return
    assert canonical_text(found.origin.graph) == canonical_text(network.graph)
    assert errors(found) == []


def test_widths_that_meet_in_a_sum_are_one_decision():
    found = widened(RESIDUAL, depth=0)
    assert "op conv_bn_relu(x; c: int" in found.text
    assert found.text.count("c = width_1") == 2  # of x and of up, which are added
    assert set(found.space.decisions["width_1"].candidates) == {"8", "16", "24"}


def test_widths_of_outputs_do_not_vary():
    assert "conv(c = 5, k = 1, bias = true)" in widened(RESIDUAL).text


def test_repeated_blocks_are_a_stage_of_searched_depth_with_shared_widths():
    found = widened(RESIDUAL, depth=1)
    assert found.space.decisions["depth_1"].candidates == ("1", "2", "3")
    assert "stage blocks_1 for i in 1..3" in found.text
    assert "depth_1 = 2" in found.text.partition("network Net")[2]


def test_candidates_get_the_width_and_the_stride_of_the_block_that_they_replace():
    found = widened(RESIDUAL, "sep_conv, conv(k = 5, bias = true), max_pool")
    assert "sep_conv: sep_conv(c = width_1, s = 2)" in found.text
    assert "conv_k5bias1: conv(k = 5, bias = true, c = width_1, s = 2)" in found.text
    blocks = found.text.partition("stage blocks_1")[2].partition("}\n  residual")[0]
    assert "max_pool: max_pool" in blocks  # only where the width stays
    assert found.text.count("max_pool: ") == 1


def test_groups_restrict_widths():
    spec = "arch 1\nnetwork Net {\n  input x: [4, 16, 16]\n  y = x -> conv(c = 24) -> conv(c = 12, g = 12)\n"
    found = widened(spec + "  output z = y -> conv(c = 3)\n}\n", multiple=4)
    assert set(found.space.decisions["width_1"].candidates) == {"12", "24", "36"}
    assert "conv(c = 12, g = 12)" in found.text


def test_numbers_around_a_width_are_multiples_and_the_width_itself():
    assert numbers(20, FACTORS, 8) == (8, 16, 20, 24, 32)
    assert numbers(3, FACTORS, 8) == (2, 3, 4)


@pytest.mark.parametrize("ops", ["sep_convs", "concat", "conv(k = 3", "conv k"])
def test_ops_that_cannot_be_candidates_are_diagnostics(ops):
    with pytest.raises(SpecError) as caught:
        candidates(ops)
    assert [d.code for d in caught.value.diagnostics] == ["ARCH834"]


def test_the_space_can_be_searched(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.arch").write_text(RESIDUAL)
    assert run(["widen", "net.arch", "--width", "0.5..1.5", "--depth", "±1", "-o", "near.arch"]) == 0
    assert "Net is one of them" in capsys.readouterr().err
    assert run(["check", "near.arch"]) == 0
    search = ["search", "near.arch", "--strategy", "random", "--evaluate", "costs", "--minimize", "macs"]
    assert run([*search, "--set", "trials=8", "--out", "run"]) == 0


def test_what_to_vary_has_to_be_said(tmp_path, capsys):
    (tmp_path / "net.arch").write_text(RESIDUAL)
    assert run(["widen", str(tmp_path / "net.arch")]) == 2
    assert run(["widen", str(tmp_path / "net.arch"), "--width", "1.5..2"]) == 2
    assert run(["widen", str(tmp_path / "net.arch"), "--depth", "two"]) == 2
    assert "0.5..1.5" in capsys.readouterr().err


OWN_OPS = RESIDUAL.replace(
    "op residual(x) {",
    """WIDE = [2, 3]

op expanded(x; c: int = x.c, s: int = 1) =
  x -> conv(c = WIDE[1] * x.c, k = 1) -> gated -> conv(c = c, k = 1, s = s)

op gated(x) = x * (x -> global_pool -> sigmoid) -> conv_bn_relu

op residual(x) {""",
)


def test_ops_of_the_spec_are_candidates_with_all_that_they_need():
    program = archdsl.load("own.arch", text=OWN_OPS)
    network = program.network()
    found = widen(network, Neighbourhood(candidates=candidates("expanded", program.unit)), "Near")
    assert errors(found) == []
    assert "expanded(c = 32, s = 2)" in found.text
    assert found.text.count("op gated(") == found.text.count("WIDE = [2, 3]") == 1
    assert found.text.count("conv_bn_relu from") == 1
    assert "sep_conv" not in found.text


def test_a_declaration_of_the_spec_is_preferred_to_the_library():
    text = OWN_OPS.replace("expanded", "sep_conv")
    program = archdsl.load("own.arch", text=text)
    near = widen(program.network(), Neighbourhood(candidates=candidates("sep_conv", program.unit)), "Near")
    assert "op sep_conv(" in near.text
    assert errors(near) == []
