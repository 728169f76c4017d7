"""Which parts of networks are timed, and which of them are the same."""

from __future__ import annotations

import random

from timing import SPEC

import archdsl
from archdsl.devices.keys import network_keys, parts, space_keys
from archdsl.program import Network


def network(body: str, declarations: str = "") -> Network:
    text = f"arch 1\n{declarations}\nnetwork Net {{\n  input image: [3, 16, 32]\n{body}\n}}\n"
    return archdsl.load("net.arch", text=text).network()


def keys(body: str, declarations: str = "") -> dict[str, str]:
    """The hash of each unit by its name."""
    return {unit.name: unit.key.hash for unit in parts(network(body, declarations)).units}


BLOCK = "op block(x; c: int = x.c) = x -> relu -> conv(c = c) -> bn"
OTHER = "op other(y; d: int = 6) { z = y -> relu  return z -> conv(c = d) -> bn }"


def test_an_application_of_an_op_is_one_unit_and_primitives_outside_of_ops_are_units_too():
    found = parts(network("a = image -> block\n output y = concat(a, image -> max_pool)", BLOCK))
    assert [(u.key.op, len(u.nodes)) for u in found.units] == [("block", 3), ("max_pool", 1), ("concat", 1)]


def test_ops_that_compute_the_same_have_one_key_whatever_they_are_called():
    found = keys("a = image -> block(c = 6)\n b = image -> other\n output y = a + b", f"{BLOCK}\n{OTHER}")
    assert found["a"] == found["b"]


def test_resizing_by_another_mode_is_another_key():
    modes = {
        keys(f'output y = image -> resize(scale = 2, mode = "{m}")')["y"] for m in ("bilinear", "nearest")
    }
    assert len(modes) == 2


def test_another_size_or_setting_is_another_key():
    variants = ("conv(c = 4)", "conv(c = 5)", "conv(c = 4, k = 5)", "conv(c = 4, bias = true)", "dwconv")
    assert len({keys(f"output y = image -> {v}")["y"] for v in variants}) == len(variants)


def test_the_order_in_which_inputs_are_wired_is_part_of_the_key():
    op = "op join(a, b) = concat(a -> relu, b)"
    swapped = "op join(a, b) = concat(b, a -> relu)"
    body = "p = image -> conv(c = 4)\n q = image -> conv(c = 4)\n output y = join(p, q)"
    assert keys(body, op)["y"] != keys(body, swapped)["y"]


def test_a_primitive_that_two_ops_begin_with_is_taken_off_once():
    found = parts(
        network("a = image -> block(c = 4)\n b = image -> block(c = 8)\n output y = concat(a, b)", BLOCK)
    )
    assert [u.key.op for u in found.shared] == ["relu"]


def test_a_sum_with_zeros_is_no_unit():
    assert "add" not in {u.key.op for u in parts(network("output y = (image -> relu) + (image -> zero)"))}


def test_a_key_without_inputs_is_written_with_its_size_alone():
    found = parts(network("x = image -> conv(c = 4)\n output y = concat(x, x -> zero)")).units
    assert [str(unit.key) for unit in found] == [
        "conv 3x16x32 -> 4x16x32",
        "zero -> 4x16x32",
        "concat 4x16x32 4x16x32 -> 8x16x32",
    ]


def test_the_piece_of_a_unit_is_a_network_that_computes_the_same_shapes():
    from archdsl.passes.analyses.shapes import infer

    for unit in parts(archdsl.load("tiny.arch", text=SPEC).network("Found")):
        shapes = infer(unit.piece)
        assert tuple(shapes[name] for name in unit.piece.outputs.values()) == unit.key.outputs


def test_the_keys_of_a_space_serve_every_network_of_it():
    space = archdsl.load("tiny.arch", text=SPEC).space("Tiny")
    found = space_keys(space, random.Random(0), quiet=60)
    drawn = [space.bind(space.sample(random.Random(seed))) for seed in range(200)]
    assert set(network_keys(drawn)) <= set(found.units)
    assert found.quiet >= 60


def test_every_outcome_is_drawn_even_where_few_networks_are():
    space = archdsl.load("tiny.arch", text=SPEC).space("Tiny")
    found = space_keys(space, random.Random(0), quiet=0)
    assert {"thin", "wide", "pool"} <= {o for d in space.decisions.values() for o in d.candidates}
    assert {"block", "max_pool"} <= {u.key.op for u in found.units.values()}


def test_what_a_dead_op_would_have_shared_is_not_taken_off():
    body = "dead = image -> block(c = 4)\n output y = image -> block(c = 8)"
    assert parts(network(body, BLOCK)).shared == ()


def test_a_primitive_that_reads_one_tensor_twice_has_the_key_of_one_that_reads_two():
    pair = "a = image -> conv(c = 4)\n b = image -> conv(c = 4)\n"
    twice, two = keys(f"{pair} output y = concat(a, a)"), keys(f"{pair} output y = concat(a, b)")
    assert twice["y"] == two["y"]


def test_what_ops_of_a_space_may_share_has_keys_of_its_own():
    space = archdsl.load("space.arch", text=SPEC).space()
    found = space_keys(space, random.Random(0), quiet=0, most=1)
    assert "relu" in {unit.key.op for unit in found.units.values()}
