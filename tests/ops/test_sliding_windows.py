"""Convolutions and pooling with settings by axis, other paddings, and rows that a stride leaves over."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
from hypothesis import given, settings
from hypothesis import strategies as st

import archdsl
from archdsl.backends import onnx_direct
from archdsl.diagnostics import SpecError
from archdsl.ir.expr import by_axis
from archdsl.ir.text import dump, parse
from archdsl.passes.analyses.receptive import receptive_fields
from archdsl.passes.analyses.shapes import infer
from archdsl.passes.costs.cost import costs, total
from archdsl.spec.decompile import setting_source, written_out

CHANNELS = 4


def network(applied: str, size: tuple[int, int]) -> Any:
    image = [CHANNELS, *size]
    text = f"arch 1\n\nnetwork Net {{\n  input image: {image}\n  output y = {applied}\n}}\n"
    return archdsl.load("net.arch", text=text).network("Net")


def chain(op: str, chosen: dict[str, Any]) -> str:
    given = ", ".join(f"{name} = {setting_source(value)}" for name, value in chosen.items())
    return f"image -> {op}({given})"


def sides(n: int, k: int, s: int, d: int, padding: Any) -> tuple[int, int]:
    """The padding before and after an axis, from its definition."""
    if padding == "same":
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        return total // 2, total - total // 2
    each = d * (k - 1) // 2 if padding is None else 0 if padding == "valid" else padding
    return each, each


def expected(op: str, chosen: dict[str, Any], x: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
    """The output, from padding with the functions of PyTorch and a window without padding."""
    k, s = by_axis(chosen.get("k", 3)), by_axis(chosen.get("s", 1))
    d, padding = by_axis(chosen.get("d", 1)), by_axis(chosen.get("padding"))
    (top, bottom), (left, right) = (
        sides(x.shape[axis + 2], k[axis], s[axis], d[axis], padding[axis]) for axis in (0, 1)
    )
    around = (left, right, top, bottom)
    if op in ("conv", "dwconv"):
        mode = chosen.get("padding_mode", "zeros")
        x = F.pad(x, around) if mode == "zeros" else F.pad(x, around, mode=mode)
        groups = chosen.get("g", 1) if op == "conv" else CHANNELS
        return F.conv2d(x, weight, None, s, 0, d, groups)
    ceil = chosen.get("ceil", False)
    if op == "max_pool":
        if ceil and chosen.get("padding") != "same":
            return F.max_pool2d(x, k, s, (top, left), ceil_mode=True)
        return F.max_pool2d(F.pad(x, around, value=-torch.inf), k, s)
    counts = chosen.get("count_padding", False)
    if ceil and chosen.get("padding") != "same":
        return F.avg_pool2d(x, k, s, (top, left), ceil_mode=True, count_include_pad=counts)
    total = F.avg_pool2d(F.pad(x, around), k, s, divisor_override=1)
    inside = torch.ones_like(x)
    inside = F.pad(inside, around, value=1.0 if counts else 0.0)
    return total / F.avg_pool2d(inside, k, s, divisor_override=1)


pairs = st.one_of


def numbers(low: int, high: int) -> st.SearchStrategy[Any]:
    one = st.integers(low, high)
    return st.one_of(one, st.tuples(one, one).map(lambda pair: pair[0] if pair[0] == pair[1] else pair))


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, dict[str, Any], tuple[int, int]]:
    op = draw(st.sampled_from(["conv", "dwconv", "max_pool", "avg_pool"]))
    chosen: dict[str, Any] = {"k": draw(numbers(1, 5)), "s": draw(numbers(1, 4))}
    pool = op.endswith("pool")
    if not pool:
        chosen["d"] = draw(numbers(1, 3))
    if op == "conv":
        chosen |= {"c": draw(st.sampled_from([2, 4, 6])), "g": draw(st.sampled_from([1, 2]))}
    largest = min(by_axis(chosen["k"])) // 2 if pool else 3
    padding = draw(st.one_of(st.sampled_from([None, "same", "valid"]), numbers(0, largest)))
    if padding is not None:
        chosen["padding"] = padding
    if pool and draw(st.booleans()):
        chosen["ceil"] = True
    if op == "avg_pool" and draw(st.booleans()):
        chosen["count_padding"] = True
    if not pool and draw(st.booleans()):
        chosen["padding_mode"] = draw(st.sampled_from(["reflect", "replicate", "circular"]))
    size = draw(st.tuples(st.integers(1, 14), st.integers(1, 14)))
    if padding is None and "ceil" not in chosen:  # other sizes are an error of a file
        down, across = by_axis(chosen["s"])
        size = (-(-size[0] // down) * down, -(-size[1] // across) * across)
    return op, chosen, size


def well_typed(op: str, chosen: dict[str, Any], size: tuple[int, int]) -> Any:
    """The network, or None where its settings do not fit the map, which PyTorch finds as well."""
    try:
        return network(chain(op, chosen), size)
    except SpecError as error:
        found = error.diagnostics
    assert {d.code for d in found} <= {"ARCH303", "ARCH115", "ARCH116"}
    assert all(str(size[0]) in d.headline for d in found if d.code != "ARCH116")
    return None


def check(op: str, chosen: dict[str, Any], size: tuple[int, int], seed: int = 0) -> None:
    """Everything that holds of one application; a network that does not fit fails in PyTorch as well."""
    x = torch.rand(2, CHANNELS, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    net = well_typed(op, chosen, size)
    if net is None:
        c, g = chosen.get("c", CHANNELS), chosen.get("g", 1) if op == "conv" else CHANNELS
        weight = torch.zeros(c, CHANNELS // g, *by_axis(chosen["k"]), dtype=torch.float64)
        with pytest.raises((RuntimeError, ValueError, AssertionError)):
            assert min(expected(op, chosen, x, weight).shape[2:]) > 0
        return
    module = net.module().double().eval()
    weight = next(iter(module.parameters()), None)
    y = expected(op, chosen, x, weight)
    found = module(x)["y"] if isinstance(module(x), dict) else module(x)
    torch.testing.assert_close(found, y)
    graph = net.graph
    if not graph.nodes:  # the identity
        return
    (name,) = graph.nodes
    assert infer(net.graph)[name] == tuple(y.shape[1:])
    macs = 0 if weight is None else weight[0].numel() * y[0].numel()
    assert total(costs(graph).values()).macs == macs
    again = parse(dump(graph))
    assert again.nodes[name].attrs == graph.nodes[name].attrs
    assert dump(again) == dump(graph)
    source = written_out(graph)
    node = archdsl.load("again.arch", text=source).network().graph.nodes["y"]
    assert node.attrs == graph.nodes[name].attrs
    model = onnx_direct.model(graph, onnx_direct.module_weights(module), batch=2)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"image": x.float().numpy()})
    np.testing.assert_allclose(result, y.detach().float().numpy(), atol=1e-5)
    assert_sees(net, module, size)


def assert_sees(net: Any, module: torch.nn.Module, size: tuple[int, int]) -> None:
    """The receptive field is that of the gradient, for weights that are all positive."""
    for parameter in module.parameters():
        parameter.data.fill_(1.0)
    field = receptive_fields(net.graph)[next(iter(net.graph.nodes))]
    x = torch.zeros(1, CHANNELS, *size, dtype=torch.float64)
    most = [0, 0]
    for axis in (0, 1):
        for at in range(infer(net.graph)[next(iter(net.graph.nodes))][axis + 1]):
            read = [n for n in range(size[axis]) if reads(module, x, axis, at, n)]
            most[axis] = max(most[axis], read[-1] - read[0] + 1 if read else 0)
    if 0 in (field.rows, field.columns):  # all windows are in the padding, of rows or of columns
        assert most == [0, 0]
    else:
        assert [field.rows, field.columns] == most


def reads(module: torch.nn.Module, x: torch.Tensor, axis: int, at: int, n: int) -> bool:
    """Whether an output row (or column) changes with a row of the input."""
    changed = x.clone()
    changed.narrow(axis + 2, n, 1).fill_(1.0)
    with torch.inference_mode():
        before, after = module(x), module(changed)
    return not torch.equal(before.select(axis + 2, at), after.select(axis + 2, at))


@settings(max_examples=60, deadline=None)
@given(cases())
def test_a_window_is_what_pytorch_computes_with_this_padding(case):
    check(*case)


def found(text: str) -> list[Any]:
    return list(archdsl.load("s.arch", text=f"arch 1\n{text}").check().diagnostics)


SPACE = """space S {{
  input image: [4, {size}, 16]
  {body}
  output y = image -> {op}
}}"""


@pytest.mark.parametrize(
    ("op", "size", "code", "part"),
    [
        (
            "conv(k = [9, 1], padding = 0)",
            8,
            "ARCH303",
            "a window of 9 × 1 with padding 0 × 0 is larger than 8 × 16",
        ),
        (
            'conv(k = [9, 3], padding_mode = "reflect")',
            4,
            "ARCH115",
            "an input of 4 × 16 is too small to be padded by 4 × 1",
        ),
        (
            "max_pool(k = 3, padding = [2, 1])",
            8,
            "ARCH116",
            "the padding 2 × 1 is more than half of the window of 3 × 3",
        ),
        ("conv(s = [3, 2])", 8, "ARCH330", "8 × 16 is not divisible by the stride 3 × 2"),
        ("conv(k = [3, 0])", 8, "ARCH208", "`k` of `conv` is 0"),
        ("conv(k = [3, 3, 3])", 8, "ARCH208", "a list of 3"),
        ('conv(padding = "full")', 8, "ARCH208", 'one of "same", "valid"'),
        ("conv(padding = 0.5)", 8, "ARCH208", "must be an integer"),
    ],
)
def test_settings_that_do_not_fit_are_located_with_their_sizes(
    op: str, size: int, code: str, part: str
) -> None:
    first = found(SPACE.format(size=size, op=op, body=""))[0]
    assert (first.code, part in first.headline) == (code, True), first.headline


def test_a_window_of_a_space_that_does_not_fit_has_a_witness() -> None:
    body = "k = one of {1, 5, 9}"
    (error, *_) = found(SPACE.format(size=8, op='conv(k = [k, 1], padding = "valid")', body=body))
    assert error.code == "ARCH303"
    assert "9 × 1" in error.headline
    assert error.witness == (("k", "9"),)


def test_candidates_with_a_setting_for_each_axis_have_labels_and_are_bound() -> None:
    text = SPACE.format(
        size=8, op="kind", body="kind = one of {conv(k = [1, 3]), conv(k = [3, 1]), conv(k = [3, 3])}"
    )
    space = archdsl.load("s.arch", text=f"arch 1\n{text}").space()
    (decision,) = space.decisions.values()
    assert decision.candidates == ("conv_k1x3", "conv_k3x1", "conv_k3x3")
    for label, k in zip(decision.candidates, [(1, 3), (3, 1), 3], strict=True):
        (node,) = space.bind({"kind": label}).graph.nodes.values()
        assert node.attrs["k"] == k


def test_a_setting_with_the_value_that_it_has_if_omitted_is_not_written() -> None:
    plain = network("image -> avg_pool(k = 2)", (8, 8)).graph
    same = network("image -> avg_pool(k = [2, 2], ceil = false, count_padding = false)", (8, 8)).graph
    assert dump(plain) == dump(same)


def test_kernels_by_axis_share_elastic_weights_from_their_centre() -> None:
    from archdsl.backends.elastic.network import build

    text = SPACE.format(
        size=8, op="conv(c = 4, k = k)", body="k = [1, 3] if one of {true, false} else [3, 5]"
    )
    text = text.replace("one of {true, false}", "small").replace(
        "  k =", "  small = one of {true, false}\n  k ="
    )
    space = archdsl.load("s.arch", text=f"arch 1\n{text}").space()
    supernet = build(space.graph)
    weight = next(iter(supernet.parameters()))
    assert tuple(weight.shape) == (4, 4, 3, 5)
    x = torch.randn(1, 4, 8, 16)
    small = supernet(x, outcomes={"small": 0})
    torch.testing.assert_close(small, F.conv2d(x, weight[:, :, 1:2, 1:4], padding=(0, 1)))


@pytest.mark.parametrize(
    ("op", "rows"),
    [
        ("conv(k = 1000000001)", 16),
        ("conv(k = 3, d = 1000000000)", 1),
        ("max_pool(k = 1000000001)", 16),
        ('conv(k = 1000000001, padding = 500000000, padding_mode = "replicate")', 16),
        ("conv_transpose(k = 1000000001, s = 2)", 16),
        ("conv_transpose(k = 1000000000, s = 999999999)", 2),
    ],
)
def test_receptive_fields_of_windows_of_any_size(op: str, rows: int):
    """A list of the rows of such a window would take tens of gigabytes."""
    graph = network(f"image -> {op}", (16, 16)).graph
    field = receptive_fields(graph)[graph.outputs["y"]]
    assert (field.rows, field.columns) == (rows, rows)
