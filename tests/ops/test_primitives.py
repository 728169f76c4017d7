"""The rules of single primitives."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl import ops
from archdsl.codes import CODES
from archdsl.ir.expr import Dim, Pick
from archdsl.ir.resolve import evaluate
from archdsl.ops.activation import Activation
from archdsl.ops.base import ADVISORY, Primitive
from archdsl.ops.resizing import ratio

NAMES = sorted(ops.primitives())


def subclasses(cls: type) -> list[type]:
    return [cls, *(s for sub in cls.__subclasses__() for s in subclasses(sub))]


def demands(op: str, *xs, **settings):
    """The output's shape, and the codes and messages of the demands that fail."""
    primitive = ops.get(op)
    attrs = filled_in(primitive, xs, settings)
    failed = []

    def demand(condition, code, message, /, **values):
        if not condition:
            failed.append((code, message.format(**values)))

    return primitive.shape(xs, attrs, demand), failed


def filled_in(primitive: Primitive, xs, settings):
    attrs = dict(settings)
    for setting in primitive.settings:
        if setting.name not in attrs and (setting.default is not None):
            attrs[setting.name] = setting.default(xs) if callable(setting.default) else setting.default
    return attrs


def test_every_primitive_that_is_defined_is_listed_once_under_its_own_name():
    inside = [cls for cls in subclasses(Primitive) if cls.__module__.startswith("archdsl.")]
    defined = {cls for cls in inside if hasattr(cls, "name")}
    assert {type(p) for p in ops.PRIMITIVES} == defined
    assert len(ops.primitives()) == len(ops.PRIMITIVES)


@pytest.mark.parametrize("name", NAMES)
def test_a_primitive_says_what_it_and_its_settings_are_for(name):
    primitive = ops.get(name)
    assert primitive.summary
    assert all(setting.doc for setting in primitive.settings)
    assert len({s.name for s in primitive.settings}) == len(primitive.settings)


def test_primitives_and_passes_and_source_do_not_import_torch():
    code = (
        "import sys, archdsl.ops, archdsl.passes.costs.layers, archdsl.backends.source;"
        "sys.exit('torch' in sys.modules or 'networkx' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("n", range(1, 12))
@pytest.mark.parametrize("s", [1, 2, 3])
@pytest.mark.parametrize(
    ("op", "k"), [("conv", 1), ("conv", 3), ("dwconv", 5), ("max_pool", 3), ("avg_pool", 7)]
)
def test_windows_of_odd_size_give_the_size_divided_by_the_stride_and_rounded_up(op, k, s, n):
    (_, h, w), _ = demands(op, (4, n, 2 * n), k=k, s=s)
    assert (h, w) == (-(-n // s), -(-2 * n // s))


def test_windows_of_even_size_halve_at_stride_two_and_lose_one_at_stride_one():
    assert demands("max_pool", (4, 8, 10), k=2, s=2)[0] == (4, 4, 5)
    assert demands("conv", (4, 8, 10), k=4, s=2)[0] == (4, 4, 5)
    assert demands("avg_pool", (4, 8, 10), k=2)[0] == (4, 7, 9)


MISTAKES = [
    ("add", [(8, 4, 4), (9, 4, 4)], {}, "ARCH301", "8 × 4 × 4 and 9 × 4 × 4"),
    ("add", [(8, 4, 4), (8, 4, 4), (8, 5, 4)], {}, "ARCH302", "8 × 4 × 4 and 8 × 5 × 4"),
    ("add", [(8, 4, 4), (8, 4, 6)], {}, "ARCH302", "8 × 4 × 4 and 8 × 4 × 6"),
    ("concat", [(8, 4, 4), (3, 4, 2)], {}, "ARCH302", "8 × 4 × 4 and 3 × 4 × 2"),
    ("add", [(8, 4, 4), (1, 1, 1), (2, 4, 4)], {}, "ARCH301", "8 × 4 × 4 and 2 × 4 × 4"),
    ("sub", [(8, 4, 4), (8, 2, 1)], {}, "ARCH302", "8 × 4 × 4 and 8 × 2 × 1"),
    ("mul", [(8, 4, 4), (2, 1, 1)], {}, "ARCH301", "8 × 4 × 4 and 2 × 1 × 1"),
    ("mul", [(8, 4, 4), (8, 2, 2)], {}, "ARCH302", "8 × 4 × 4 and 8 × 2 × 2"),
    ("conv", [(9, 4, 4)], {"c": 8, "g": 4}, "ARCH310", "9 input channels are not divisible by 4 groups"),
    ("conv", [(8, 4, 4)], {"c": 9, "g": 4}, "ARCH310", "9 output channels are not divisible by 4 groups"),
    ("channel_shuffle", [(9, 4, 4)], {"g": 2}, "ARCH310", "9 channels are not divisible by 2 groups"),
    ("tile", [(8, 4, 4)], {"c": 20}, "ARCH311", "20 channels are not a multiple of 8"),
    ("tile", [(8, 4, 4)], {"c": 4}, "ARCH311", "4 channels are not a multiple of 8"),
    ("pixel_shuffle", [(6, 4, 4)], {"r": 2}, "ARCH312", "6 channels are not a multiple of 2 × 2"),
    ("conv", [(8, 1, 4)], {"k": 2}, "ARCH303", "a window of 2 is larger than 1 × 4"),
    ("resize", [(8, 1, 4)], {"down": 2}, "ARCH303", "1 × 4 downsampled by 2 has no pixels left"),
    ("resize", [(8, 2, 4)], {"scale": 0.0}, "ARCH303", "with the scale 0.0, no pixels are left"),
    (
        "resize",
        [(8, 4, 5)],
        {"scale": 0.5},
        "ARCH320",
        "4 × 5 scaled by 0.5 is not an integer size",
    ),
    ("resize", [(8, 4, 4)], {}, "ARCH321", "got nothing"),
    ("resize", [(8, 4, 4), (1, 9, 9)], {"scale": 2}, "ARCH321", "got both scale and like"),
    ("upsample", [(8, 4, 4)], {"size": (3,)}, "ARCH321", "[height, width]"),
    ("conv", [(8, 5, 4)], {"s": 2}, "ARCH330", "5 × 4 is not divisible by the stride 2"),
    ("layer_norm", [(1, 4, 4)], {}, "ARCH231", "1 channel at each position"),
    ("group_norm", [(9, 4, 4)], {"g": 2}, "ARCH310", "9 channels are not divisible by 2 groups"),
    ("group_norm", [(8, 1, 1)], {"g": 8}, "ARCH231", "8 groups of 8 × 1 × 1 have one value each"),
    ("instance_norm", [(8, 1, 1)], {}, "ARCH231", "1 × 1 is one value in each channel"),
    ("slice", [(8, 4, 4)], {"first": 3, "last": 9}, "ARCH230", "channels 3 to 9 of 8 channels do not exist"),
    ("slice", [(8, 4, 4)], {"first": 3, "last": 2}, "ARCH230", "channels 3 to 2 of 8 channels do not exist"),
    ("attention", [(8, 4, 4)], {"heads": 3}, "ARCH310", "8 channels are not divisible by 3 heads"),
    (
        "attention",
        [(8, 2, 9)],
        {"reduction": 3},
        "ARCH303",
        "2 × 9 reduced by a factor of 3 has no pixels left",
    ),
    (
        "dot_attention",
        [(8, 4, 4), (6, 2, 2), (4, 2, 2)],
        {},
        "ARCH301",
        "8 channels of queries, and 6 of keys",
    ),
    ("dot_attention", [(8, 4, 4), (8, 2, 2), (4, 2, 3)], {}, "ARCH302", "keys of 2 × 2, and values of 2 × 3"),
    (
        "dot_attention",
        [(8, 4, 4), (8, 2, 2), (5, 2, 2)],
        {"heads": 4},
        "ARCH310",
        "5 channels are not divisible by 4",
    ),
    ("channel_conv", [(8, 4, 4)], {"k": 4}, "ARCH232", "the kernel of channel_conv is 4, and must be odd"),
]


@pytest.mark.parametrize(("op", "xs", "settings", "code", "said"), MISTAKES)
def test_a_mistake_is_found_and_said_with_its_values(op, xs, settings, code, said):
    _, failed = demands(op, *xs, **settings)
    assert [c for c, _ in failed] == [code]
    assert said in failed[0][1]
    assert code in CODES


def test_a_stride_that_does_not_divide_is_advice_and_nothing_else_is():
    assert {"ARCH330"} == ADVISORY


@pytest.mark.parametrize("op", ["add", "sub", "mul"])
def test_arithmetic_broadcasts_sizes_of_one(op):
    assert demands(op, (8, 4, 6), (8, 1, 1)) == ((8, 4, 6), [])
    assert demands(op, (1, 4, 6), (8, 4, 6)) == ((8, 4, 6), [])
    assert demands(op, (1, 4, 6), (8, 1, 1)) == ((8, 4, 6), [])
    assert demands(op, (8, 4, 1), (8, 1, 6)) == ((8, 4, 6), [])


def test_a_zero_that_broadcasts_the_other_operand_is_not_omitted():
    add, sub = ops.get("add"), ops.get("sub")
    small, large = (8, 1, 1), (8, 4, 4)
    assert list(add.contributing([True, False], [large, large], large)) == [1]
    assert list(add.contributing([True, False], [large, small], large)) == [0, 1]
    assert list(add.contributing([True, True], [large, large], large)) == [0]
    assert list(sub.contributing([True, False], [large, large], large)) == [0, 1]
    assert list(sub.contributing([False, True], [large, small], large)) == [0]
    assert list(sub.contributing([False, True], [small, large], large)) == [0, 1]


@given(st.integers(1, 40), st.integers(1, 40))
def test_a_factor_is_the_quotient_of_whole_numbers(up, down):
    numerator, denominator = ratio(up / down)
    assert numerator * down == denominator * up


# ---------------------------------------------------------------- values that depend on decisions

VARIED = {
    "conv": {"c": (8, 16), "k": (3, 5), "s": (1, 2), "d": (1, 2), "g": (1, 4)},
    "dwconv": {"k": (2, 3), "s": (1, 2)},
    "conv_transpose": {"c": (8, 16), "k": (3, 5), "s": (2, 3), "g": (1, 4)},
    "adaptive_pool": {"size": (1, 3)},
    "max_unpool": {"k": (2, 3)},
    "max_pool": {"k": (2, 3), "s": (1, 3)},
    "avg_pool": {"k": (3, 4), "s": (2, 1)},
    "resize": {"scale": (0.5, 2.0)},
    "upsample": {"down": (2, 3)},
    "zero": {"c": (4, 8), "s": (1, 2)},
    "tile": {"c": (8, 16)},
    "channel_shuffle": {"g": (2, 3)},
    "pixel_shuffle": {"r": (1, 2)},
    "add": {},
    "concat": {},
    "sub": {},
    "mul": {},
    "global_pool": {"over": ("rows", "columns")},
    "shift": {},
    "bn": {},
    "relu": {},
    "linear": {"c": (8, 16)},
    "layer_norm": {},
    "group_norm": {"g": (2, 3)},
    "instance_norm": {},
    "channel_sum": {},
    "channel_max": {},
    "channel_conv": {"k": (3, 5)},
    "slice": {"first": (1, 3), "last": (4, 6)},
    "attention": {"heads": (2, 3), "reduction": (1, 4)},
    "dot_attention": {"heads": (1, 2)},
}
SIZES = (4, 7, 12)


def outcome(op: str, xs, attrs):
    """The shape and whether each demand holds, in order, as values."""
    held = []
    y = ops.get(op).shape(
        xs, attrs, lambda condition, code, message, /, **values: held.append((code, condition))
    )
    return y, dict(held)


@pytest.mark.parametrize("op", sorted(VARIED))
@pytest.mark.parametrize("shared", [True, False], ids=["one decision", "two decisions"])
def test_a_rule_over_decisions_gives_in_each_network_what_it_gives_for_its_numbers(op, shared):
    primitive, (least, most) = ops.get(op), ops.get(op).arity
    two = least > 1 or most is None
    varied = {name: Pick("a" if shared else "b", values) for name, values in VARIED[op].items()}
    heights = Pick("a", (8, 12))
    other = (Dim("z", 0), Dim("z", 1), 24)
    xs = [(Dim("x", 0), heights, Dim("x", 2)), other, other][: least if most is not None else 2]
    attrs = filled_in(primitive, xs, varied)
    symbolic, conditions = outcome(op, xs, attrs)
    tensors = itertools.product(SIZES, SIZES) if two else ((size, size) for size in SIZES)
    for (at_x, at_z), a, b in itertools.product(tensors, range(2), range(2)):
        sizes = {"x": (at_x, heights.values[a], 2 * at_x), "z": (at_z, heights.values[b], 24)}

        def value(v, a=a, b=b, sizes=sizes):
            return evaluate(v, {"a": a, "b": b}, lambda node, axis: sizes[node][axis])

        numbers = {name: value(v) for name, v in attrs.items()}
        found, held = outcome(op, [tuple(map(value, x)) for x in xs], numbers)
        assert tuple(map(value, symbolic)) == found
        for code, condition in conditions.items():
            if code in held:
                assert bool(value(condition)) == bool(held[code])


def test_every_primitive_that_changes_shapes_is_tried_with_decisions():
    plain = {name for name in NAMES if isinstance(ops.get(name), Activation)}
    plain |= {"affine", "identity", "dropout", "dropout2d", "drop_path", "scale", "channel_mean"}
    assert set(VARIED) | plain == set(NAMES)
