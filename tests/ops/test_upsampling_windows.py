"""Transposed convolutions, adaptive pooling, unpooling, and modes of resizing, compared with PyTorch."""

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
from archdsl import ops
from archdsl.backends import onnx_direct
from archdsl.diagnostics import SpecError
from archdsl.ir.expr import by_axis
from archdsl.ir.text import dump, parse
from archdsl.passes.analyses.receptive import receptive_fields
from archdsl.passes.analyses.shapes import infer
from archdsl.passes.costs.cost import costs, total
from archdsl.spec.decompile import setting_source, written_out

CHANNELS = 4


def network(op: str, chosen: dict[str, Any], size: tuple[int, int]) -> Any:
    given = ", ".join(f"{name} = {setting_source(value)}" for name, value in chosen.items())
    image = [CHANNELS, *size]
    text = f"arch 1\n\nnetwork Net {{\n  input image: {image}\n  output y = image -> {op}({given})\n}}\n"
    return archdsl.load("net.arch", text=text).network("Net")


def numbers(low: int, high: int) -> st.SearchStrategy[Any]:
    one = st.integers(low, high)
    return st.one_of(one, st.tuples(one, one).map(lambda pair: pair[0] if pair[0] == pair[1] else pair))


sizes = st.tuples(st.integers(1, 9), st.integers(1, 9))


@st.composite
def transposed(draw: st.DrawFn) -> tuple[dict[str, Any], tuple[int, int]]:
    """Settings of `conv_transpose` that fit."""
    chosen = {"k": draw(numbers(1, 5)), "s": draw(numbers(1, 4)), "d": draw(numbers(1, 3))}
    chosen |= {"c": draw(st.sampled_from([2, 6])), "g": draw(st.sampled_from([1, 2]))}
    chosen["bias"] = draw(st.booleans())
    if draw(st.booleans()):
        chosen["padding"] = draw(numbers(0, 2))
        most = min(by_axis(chosen["s"])) - 1
        if extra := draw(numbers(0, most)):
            chosen["output_padding"] = extra
    return chosen, draw(sizes)


def of_transposed(chosen: dict[str, Any], x: torch.Tensor, module: torch.nn.Module) -> torch.Tensor:
    """The output, from the definition: spread rows, then cut off or add rows to the size."""
    weight, *bias = module.parameters()
    full = F.conv_transpose2d(x, weight, None, by_axis(chosen["s"]), 0, 0, chosen["g"], by_axis(chosen["d"]))
    for axis in (0, 1):
        k, s, d = (by_axis(chosen[name])[axis] for name in "ksd")
        n, here = x.shape[axis + 2], full.shape[axis + 2]
        excess = d * (k - 1) + 1 - s
        if "padding" in chosen:
            start = by_axis(chosen["padding"])[axis]
            wanted = here - 2 * start + by_axis(chosen.get("output_padding", 0))[axis]
        else:
            start, wanted = (max(excess, 0) + 1) // 2, n * s
        missing = start + wanted - here
        around = [0, 0, 0, 0]
        around[3 - 2 * axis] = max(missing, 0)
        full = F.pad(full, around).narrow(axis + 2, start, wanted)
    return full + bias[0].view(1, -1, 1, 1) if bias else full


@settings(max_examples=20, deadline=None)
@given(transposed())
def test_a_transposed_convolution_is_what_pytorch_computes(case: tuple[Any, tuple[int, int]]) -> None:
    chosen, size = case
    refused: set[str] = set()
    try:
        net = network("conv_transpose", chosen, size)
    except SpecError as error:
        refused = {d.code for d in error.diagnostics}
    assert refused <= {"ARCH117", "ARCH303"}
    if refused:
        return
    module = net.module().double().eval()
    x = torch.rand(2, CHANNELS, *size, dtype=torch.float64)
    y = of_transposed(chosen, x, module)
    torch.testing.assert_close(module(x), y)
    weight = next(iter(module.parameters()))
    assert total(costs(net.graph).values()).macs == weight[0].numel() * x[0].numel()
    agrees(net, module, x)


def agrees(net: Any, module: torch.nn.Module, x: torch.Tensor) -> None:
    """Static shape, ONNX, IR, text and receptive field are those of the module."""
    graph, y = net.graph, module(x)
    assert infer(graph)[graph.outputs["y"]] == tuple(y.shape[1:])
    assert dump(parse(dump(graph))) == dump(graph)
    again = archdsl.load("again.arch", text=written_out(graph)).network().graph
    assert [node.attrs for node in again.nodes.values()] == [node.attrs for node in graph.nodes.values()]
    model = onnx_direct.model(graph, onnx_direct.module_weights(module), batch=x.shape[0])
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"image": x.float().numpy()})
    np.testing.assert_allclose(result, y.detach().float().numpy(), atol=1e-5)
    field = receptive_fields(graph)[graph.outputs["y"]]
    if 0 not in (field.rows, field.columns):
        assert [field.rows, field.columns] == [seen(module, x, axis) for axis in (0, 1)]


def seen(module: torch.nn.Module, x: torch.Tensor, axis: int) -> int:
    """The most rows (or columns) that a row of the output depends on, found by changing each."""
    x = torch.rand(1, *x.shape[1:], dtype=torch.float64)
    before, reads = module(x), []
    for n in range(x.shape[axis + 2]):
        changed = x.clone()
        changed.narrow(axis + 2, n, 1).add_(torch.rand(1).double() + 1)
        differs = (module(changed) != before).transpose(1, axis + 2).flatten(2).any(2)[0]
        reads.append(differs)
    table = torch.stack(reads)
    spans = [rows.nonzero().flatten() for rows in table.T]
    return max((int(rows[-1] - rows[0]) + 1 for rows in spans if len(rows)), default=0)


@settings(max_examples=20, deadline=None)
@given(numbers(1, 6), sizes, st.sampled_from(["avg", "max"]))
def test_adaptive_pooling_is_that_of_pytorch(size: Any, image: tuple[int, int], mode: str) -> None:
    net = network("adaptive_pool", {"size": size, "mode": mode}, image)
    module, x = net.module().double(), torch.rand(2, CHANNELS, *image, dtype=torch.float64)
    pool = F.adaptive_avg_pool2d if mode == "avg" else F.adaptive_max_pool2d
    assert torch.equal(module(x), pool(x, by_axis(size)))
    if mode == "avg":
        agrees(net, module, x)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["bilinear", "nearest", "bicubic", "area"]), st.booleans(), sizes, sizes)
def test_resizing_by_every_mode_is_that_of_pytorch(
    mode: str, corners: bool, image: tuple[int, int], size: tuple[int, int]
) -> None:
    corners = corners and mode.startswith("bi")
    net = network("resize", {"size": size, "mode": mode, "align_corners": corners}, image)
    module, x = net.module().double(), torch.rand(2, CHANNELS, *image, dtype=torch.float64)
    how = {"align_corners": corners} if mode.startswith("bi") else {}
    y = F.interpolate(x, size=size, mode=mode, **how)
    assert torch.equal(module(x), y)
    assert infer(net.graph)[net.graph.outputs["y"]] == tuple(y.shape[1:])
    model = onnx_direct.model(net.graph, {}, batch=2)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"image": x.float().numpy()})
    np.testing.assert_allclose(result, y.float().numpy(), atol=1e-5)


UNPOOLED = """arch 1
network Net {{
  input image: [4, {h}, {w}]
  small = image -> max_pool({window}) -> affine(factor = 2)
  output y = max_unpool(small, image, {window})
}}
"""


@pytest.mark.parametrize(
    ("window", "size"),
    [
        ((2, 2, 0), (8, 6)),
        ((3, 2, 1), (8, 6)),
        ((3, 2, 1), (9, 7)),
        ((3, 3, 0), (10, 11)),
        (((1, 2), (1, 3), 0), (4, 5)),
        (((5, 2), (2, 1), (2, 1)), (9, 6)),
        ((3, 1, 1), (5, 6)),
        ((2, 2, 1), (2, 1)),
        (((2, 4), 2, 1), (1, 9)),
        ((2, 1, 1), (1, 1)),
    ],
)
@pytest.mark.parametrize("ties", [False, True])
def test_unpooling_puts_values_where_the_maxima_were(window: Any, size: tuple[int, int], ties: bool) -> None:
    k, s, padding = window
    written = ", ".join(
        f"{name} = {setting_source(value)}" for name, value in (("k", k), ("s", s), ("padding", padding))
    )
    text = UNPOOLED.format(h=size[0], w=size[1], window=written)
    net = archdsl.load("net.arch", text=text).network()
    module, x = net.module().double(), torch.rand(2, 4, *size, dtype=torch.float64)
    x = x.mul(3).floor() if ties else x
    pooled, indices = F.max_pool2d(x, k, s, padding, return_indices=True)
    y = torch.zeros_like(x).flatten(2)  # one after the other, row by row: the last window counts
    for n in range(pooled[0, 0].numel()):
        at = indices.flatten(2)[..., n : n + 1]
        y.scatter_(2, at, 2 * pooled.flatten(2)[..., n : n + 1])
    y = y.reshape(x.shape)
    assert torch.equal(module(x), y)
    assert infer(net.graph)[net.graph.outputs["y"]] == (4, *size)
    model = onnx_direct.model(net.graph, {}, batch=2)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"image": x.float().numpy()})
    np.testing.assert_allclose(result, y.float().numpy(), atol=1e-6)


@pytest.mark.parametrize(("window", "n"), [((2, 2, 0), 9), ((3, 2, 1), 9), ((3, 2, 1), 10), ((4, 3, 2), 11)])
def test_an_unpooled_row_depends_on_the_windows_that_it_is_in(window: tuple[int, int, int], n: int) -> None:
    k, s, padding = window
    rule, a = ops.get("max_unpool"), {"k": k, "s": s, "padding": padding}
    count = (n + 2 * padding - k) // s + 1
    rows = [range(at * s - padding, at * s - padding + k) for at in range(count)]
    for at in range(n):
        inside = [window for window, read in enumerate(rows) if at in read]
        assert rule.sees_in(0, at, count, n, a) == ((inside[0], inside[-1]) if inside else None)
        pooled = (max(0, rows[inside[0]][0]), min(rows[inside[-1]][-1], n - 1)) if inside else None
        assert rule.sees_in(1, at, n, n, a) == pooled


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        (
            "max_unpool(image, image)",
            "ARCH118",
            "the second one, 4 × 8 × 6, has 4 × 4 × 3 after pooling by 2 × 2 with stride 2 × 2",
        ),
        (
            "image -> conv_transpose(k = 2, s = 1)",
            "ARCH117",
            "a kernel of 2 × 2 does not give 1 × 1 times the size",
        ),
        (
            "image -> conv_transpose(padding = 1, output_padding = [1, 2])",
            "ARCH117",
            "output_padding 1 × 2 is not less than the stride 2 × 2",
        ),
        ("image -> conv_transpose(output_padding = 1)", "ARCH117", "needs a padding"),
        ("image -> conv_transpose(k = 1, s = 1, padding = 4)", "ARCH303", "nothing of 8 × 6 is left"),
        ("image -> conv_transpose(g = 3)", "ARCH310", "4 input channels are not divisible by 3 groups"),
    ],
)
def test_settings_that_do_not_fit_are_located_with_their_sizes(text: str, code: str, part: str) -> None:
    spec = f"arch 1\nnetwork Net {{\n  input image: [4, 8, 6]\n  output y = {text}\n}}\n"
    first = archdsl.load("net.arch", text=spec).check().diagnostics[0]
    assert (first.code, part in first.headline) == (code, True), first.headline


@pytest.mark.parametrize("g", [1, 2])
def test_transposed_kernels_and_channels_share_elastic_weights(g: int) -> None:
    from archdsl.backends.elastic.network import build

    text = f"""arch 1
space S {{
  input image: [4, 5, 6]
  c = one of {{4, 8}}
  k = one of {{2, 4}}
  x = image -> conv(c = c)
  output y = x -> conv_transpose(c = c, k = k, g = {g}) -> conv(c = 3)
}}
"""
    space = archdsl.load("s.arch", text=text).space()
    supernet = build(space.graph).eval()
    x = torch.randn(2, 4, 5, 6)
    for outcomes in ({"c": 0, "k": 0}, {"c": 1, "k": 1}, {"c": 0, "k": 1}):
        taken = supernet.network(outcomes).eval()
        assert torch.equal(supernet(x, outcomes=outcomes), taken(x))


@pytest.mark.parametrize("over", ["both", "rows", "columns"])
def test_a_global_pool_over_one_axis_keeps_the_other(over: str) -> None:
    net = network("global_pool", {"over": over}, (5, 7))
    module, x = net.module().double(), torch.rand(2, CHANNELS, 5, 7, dtype=torch.float64)
    dims = {"both": (2, 3), "rows": (2,), "columns": (3,)}[over]
    assert torch.equal(module(x), x.mean(dims, keepdim=True))
    agrees(net, module, x)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_convolution_along_channels_is_that_of_pytorch(k: int) -> None:
    net = network("channel_conv", {"k": k}, (3, 4))
    module, x = net.module().double(), torch.rand(2, CHANNELS, 3, 4, dtype=torch.float64)
    (weight,) = module.parameters()
    y = F.conv1d(x.permute(0, 2, 3, 1).reshape(-1, 1, CHANNELS), weight.view(1, 1, k), padding=k // 2)
    torch.testing.assert_close(module(x), y.view(2, 3, 4, CHANNELS).permute(0, 3, 1, 2))
    assert total(costs(net.graph).values()).params == k
    agrees(net, module, x)
