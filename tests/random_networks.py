"""Random well-typed networks, for property tests of passes and backends."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from archdsl.ir.graph import Graph
from graphs import Network

NAMES = st.text(alphabet='ab.[]_1 ä"\\n', max_size=6)
KERNELS = st.sampled_from([1, 2, 3, 4, 5])
ODD_KERNELS = st.sampled_from([1, 3, 5])
FACTORS = [1, -1, 0.5, -2, 0, 1.0, -1.0, 1 / 3]
STRIDES = st.sampled_from([1, 1, 2, 3])


@st.composite
def networks(draw: Any, most: int = 8) -> Graph:
    """A network of up to `most` random steps and one or two outputs, with awkward names and odd sizes."""
    net = Network((draw(st.integers(1, 4)), draw(st.integers(6, 20)), draw(st.integers(6, 20))), "Random")
    tensors = ["image"]
    for number in range(draw(st.integers(1, most))):
        x = draw(st.sampled_from(tensors))
        step = draw(st.sampled_from(STEPS))
        tensors.append(step(draw, net, x, draw(st.sampled_from(tensors)), f"{draw(NAMES)}#{number}"))
    outputs = draw(st.lists(st.sampled_from(tensors[1:]), min_size=1, max_size=2))
    return net.graph(**{f"out{i}": name for i, name in enumerate(outputs)})


def _conv(draw: Any, net: Network, x: str, _: str, name: str) -> str:
    groups = draw(st.sampled_from([g for g in (1, 2, 3, 4) if net.shapes[x][0] % g == 0]))
    k = draw(KERNELS) if min(net.shapes[x][1:]) > 1 else 1
    c, s, d = groups * draw(st.integers(1, 3)), draw(STRIDES), draw(st.sampled_from([1, 2]))
    return net.conv(x, c=c, k=k, s=s, d=d, g=groups, bias=draw(st.booleans()), name=name)


def _dwconv(draw: Any, net: Network, x: str, _: str, name: str) -> str:
    return net.dwconv(x, k=draw(ODD_KERNELS), s=draw(STRIDES), bias=draw(st.booleans()), name=name)


def _tied(draw: Any, net: Network, x: str, _: str, name: str) -> str:
    first = net.conv(x, c=net.shapes[x][0], name=f"{name}.first", weights=name)
    return net.conv(first, c=net.shapes[x][0], name=f"{name}.second", weights=name)


def _normalised(draw: Any, net: Network, x: str, _: str, name: str) -> str:
    x = net.bn(x, affine=draw(st.booleans()), name=f"{name}.bn")
    return draw(st.sampled_from([net.relu, net.relu6]))(x, name=f"{name}.act")


def _plain(draw: Any, net: Network, x: str, _: str, name: str) -> str:
    ops = [
        "relu",
        "relu6",
        "hswish",
        "silu",
        "sigmoid",
        "hsigmoid",
        "tanh",
        "softplus",
        "leaky_relu",
        "elu",
        "gelu",
        "prelu",
        "softmax",
        "channel_sum",
        "channel_mean",
        "dropout2d",
        "drop_path",
        "identity",
        "scale",
        "shift",
        "dropout",
        "global_pool",
    ]
    return net.add_node(draw(st.sampled_from(ops)), x, name=name)


def _standardised(draw: Any, net: Network, x: str, _: str, name: str) -> str:
    c, h, w = net.shapes[x]
    op = draw(st.sampled_from(["layer_norm", "group_norm", "instance_norm"]))
    if (op == "layer_norm" and c == 1) or (op != "layer_norm" and h * w == 1):
        return x
    groups = (
        {"g": draw(st.sampled_from([g for g in (1, 2, 3, 4) if c % g == 0]))} if op == "group_norm" else {}
    )
    return net.add_node(op, x, affine=draw(st.booleans()), name=name, **groups)


def _attended(draw: Any, net: Network, x: str, other: str, name: str) -> str:
    c, h, w = net.shapes[x]
    heads = draw(st.sampled_from([n for n in (1, 2, 3) if c % n == 0]))
    if draw(st.booleans()):
        reduction = draw(st.integers(1, min(h, w, 3)))
        return net.attention(x, heads=heads, reduction=reduction, bias=draw(st.booleans()), name=name)
    keys = net.linear(other, c=c, name=f"{name}.keys")
    values = net.linear(other, c=heads * draw(st.integers(1, 3)), bias=False, name=f"{name}.values")
    return net.dot_attention(x, keys, values, heads=heads, name=name)


def _sliced(draw: Any, net: Network, x: str, _: str, name: str) -> str:
    first = draw(st.integers(1, net.shapes[x][0]))
    return net.slice(x, first=first, last=draw(st.integers(first, net.shapes[x][0])), name=name)


def _pool(draw: Any, net: Network, x: str, _: str, name: str) -> str:
    k = draw(KERNELS) if min(net.shapes[x][1:]) > 1 else 1
    return net.add_node(draw(st.sampled_from(["max_pool", "avg_pool"])), x, k=k, s=draw(STRIDES), name=name)


def _resize(draw: Any, net: Network, x: str, other: str, name: str) -> str:
    mode, corners = draw(st.sampled_from(["bilinear", "nearest"])), draw(st.booleans())
    how: dict[str, Any] = draw(st.sampled_from([{"down": 2}, {"scale": 2.0}, {"size": (5, 7)}, {}]))
    if "down" in how and min(net.shapes[x][1:]) < 2:
        how = {"down": 1}
    tensors = (x,) if how else (x, other)
    return net.resize(*tensors, **how, mode=mode, align_corners=corners, name=name)


def _shuffled(draw: Any, net: Network, x: str, _: str, name: str) -> str:
    x = net.tile(x, c=4 * net.shapes[x][0], name=f"{name}.tile")
    if draw(st.booleans()):
        return net.channel_shuffle(x, g=draw(st.sampled_from([1, 2, 4])), name=name)
    return net.pixel_shuffle(x, r=draw(st.sampled_from([1, 2])), name=name)


def _joined(draw: Any, net: Network, x: str, other: str, name: str) -> str:
    other = net.resize(other, x, name=f"{name}.like")
    kind = draw(st.sampled_from(["add", "sub", "mul", "concat"]))
    if kind != "concat":
        channels = draw(st.sampled_from([net.shapes[x][0], net.shapes[x][0], 1]))
        other = net.conv(other, c=channels, k=1, name=f"{name}.fit")
        if draw(st.booleans()):
            other = net.global_pool(other, name=f"{name}.gate")
        x, other = (x, other) if draw(st.booleans()) else (other, x)
    return net.add_node(kind, x, other, name=name)


def _affine(draw: Any, net: Network, x: str, _: str, name: str) -> str:
    factor, offset = draw(st.sampled_from(FACTORS)), draw(st.sampled_from([0, 1, -0.5, 3.0]))
    return net.affine(x, factor=factor, offset=offset, name=name)


def _zero(draw: Any, net: Network, x: str, _: str, name: str) -> str:
    return net.zero(x, c=draw(st.integers(1, 4)), s=draw(STRIDES), name=name)


STEPS = [
    _conv,
    _conv,
    _dwconv,
    _tied,
    _normalised,
    _plain,
    _pool,
    _resize,
    _shuffled,
    _joined,
    _joined,
    _affine,
    _zero,
    _standardised,
    _attended,
    _sliced,
]
