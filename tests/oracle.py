"""What the primitives compute, written a second time and without regard to speed.

Every value is kept and no tensor is overwritten, at the declared sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from archdsl import ops
from archdsl.ir.graph import Graph
from archdsl.passes.analyses.shapes import infer


def values(graph: Graph, module: nn.Module, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """All tensors of a network, computed with the layers of its compiled module."""
    shapes, layers = infer(graph), layers_of(graph, module)
    found = dict(inputs)
    for name, node in graph.nodes.items():
        xs = [found[i] for i in node.inputs]
        if name in layers:
            found[name] = layers[name](*xs)
        else:
            found[name] = RULES[node.op](xs, dict(node.attrs), shapes[name])
    return found


def layers_of(graph: Graph, module: nn.Module) -> dict[str, nn.Module]:
    """The module's layer of each node that has one: children stand in the order of their first use."""
    shapes, children = infer(graph), iter(module.children())
    by_weights: dict[str, nn.Module] = {}
    found = {}
    for name, node in graph.nodes.items():
        if ops.get(node.op).layer([shapes[i] for i in node.inputs], shapes[name], node.attrs) is not None:
            if node.weights not in by_weights:
                by_weights[node.weights] = next(children)
            found[name] = by_weights[node.weights]
    return found


def _average(xs: list[torch.Tensor], a: dict[str, Any], _: Any) -> torch.Tensor:
    (x,), k, pad = xs, a["k"], (a["k"] - 1) // 2
    window = torch.ones(x.shape[1], 1, k, k)

    def total(t: torch.Tensor) -> torch.Tensor:
        return F.conv2d(t, window, None, a["s"], pad, 1, x.shape[1])

    return total(x) / total(torch.ones_like(x))


def _resized(xs: list[torch.Tensor], a: dict[str, Any], y: Any) -> torch.Tensor:
    corners = {"align_corners": a["align_corners"]} if a["mode"] == "bilinear" else {}
    return F.interpolate(xs[0], size=y[1:], mode=a["mode"], **corners)


def _shuffled(xs: list[torch.Tensor], a: dict[str, Any], _: Any) -> torch.Tensor:
    channels = torch.arange(xs[0].shape[1]).reshape(a["g"], -1).T.flatten()
    return xs[0][:, channels]


def _pixels(xs: list[torch.Tensor], a: dict[str, Any], y: Any) -> torch.Tensor:
    x, r = xs[0], a["r"]
    parts = x.reshape(x.shape[0], y[0], r, r, *x.shape[2:])
    return parts.permute(0, 1, 4, 2, 5, 3).reshape(x.shape[0], *y)


def _shifted(xs: list[torch.Tensor], a: dict[str, Any], _: Any) -> torch.Tensor:
    y = torch.zeros_like(xs[0])
    y[:, :, :-1, :-1] = xs[0][:, :, 1:, 1:]
    return y


def _largest(xs: list[torch.Tensor], a: dict[str, Any], _: Any) -> torch.Tensor:
    pad = (a["k"] - 1) // 2
    return F.max_pool2d(F.pad(xs[0], (pad,) * 4, value=float("-inf")), a["k"], a["s"])


def _gelu(xs: list[torch.Tensor], a: dict[str, Any], _: Any) -> torch.Tensor:
    (x,) = xs
    if a["approximate"]:
        return x * (1 + ((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)).tanh()) / 2
    return x * torch.special.ndtr(x)


def _attended(xs: list[torch.Tensor], a: dict[str, Any], y: Any) -> torch.Tensor:
    heads = []
    for q, k, v in zip(*(x.flatten(2).chunk(a["heads"], 1) for x in xs), strict=True):
        scores = torch.einsum("bcn,bcm->bnm", q, k) / q.shape[1] ** 0.5
        weights = scores.exp() / scores.exp().sum(2, keepdim=True)
        heads.append(torch.einsum("bnm,bcm->bcn", weights, v))
    return torch.cat(heads, 1).reshape(xs[0].shape[0], *y)


RULES: dict[str, Callable[[list[torch.Tensor], dict[str, Any], Any], torch.Tensor]] = {
    "relu": lambda xs, a, y: torch.where(xs[0] > 0, xs[0], 0.0),
    "relu6": lambda xs, a, y: torch.where((xs[0] > 0) & (xs[0] < 6), xs[0], xs[0].detach().clamp(0, 6)),
    "hswish": lambda xs, a, y: xs[0] * (xs[0] + 3).clamp(0, 6) / 6,
    "silu": lambda xs, a, y: xs[0] / (1 + (-xs[0]).exp()),
    "hsigmoid": lambda xs, a, y: (xs[0] + 3).clamp(0, 6) / 6,
    "tanh": lambda xs, a, y: 1 - 2 / (1 + (2 * xs[0]).exp()),
    "softplus": lambda xs, a, y: torch.logaddexp(xs[0], torch.zeros(())),
    "leaky_relu": lambda xs, a, y: torch.where(xs[0] > 0, xs[0], a["slope"] * xs[0]),
    "elu": lambda xs, a, y: torch.where(xs[0] > 0, xs[0], a["alpha"] * (xs[0].clamp(max=0).exp() - 1)),
    "gelu": _gelu,
    "softmax": lambda xs, a, y: xs[0].exp() / xs[0].exp().sum(1, keepdim=True),
    "sigmoid": lambda xs, a, y: 1 / (1 + (-xs[0]).exp()),
    "channel_sum": lambda xs, a, y: torch.einsum("bchw->bhw", xs[0])[:, None],
    "channel_mean": lambda xs, a, y: torch.einsum("bchw->bhw", xs[0])[:, None] / xs[0].shape[1],
    "slice": lambda xs, a, y: torch.stack([xs[0][:, c - 1] for c in range(a["first"], a["last"] + 1)], 1),
    "dot_attention": _attended,
    "max_pool": _largest,
    "avg_pool": _average,
    "global_pool": lambda xs, a, y: xs[0].flatten(2).mean(2)[:, :, None, None],
    "resize": _resized,
    "upsample": _resized,
    "concat": lambda xs, a, y: torch.cat(xs, 1),
    "add": lambda xs, a, y: sum(xs[1:], xs[0]),
    "sub": lambda xs, a, y: xs[0] + xs[1] * -1,
    "mul": lambda xs, a, y: xs[0] * xs[1],
    "affine": lambda xs, a, y: a["offset"] + a["factor"] * xs[0],
    "identity": lambda xs, a, y: xs[0],
    "zero": lambda xs, a, y: torch.zeros(xs[0].shape[0], *y),
    "tile": lambda xs, a, y: torch.cat([xs[0]] * (y[0] // xs[0].shape[1]), 1),
    "shift": _shifted,
    "channel_shuffle": _shuffled,
    "pixel_shuffle": _pixels,
}
