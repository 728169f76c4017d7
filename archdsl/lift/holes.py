"""Selects the parts of a model to exclude from the lifted network because no primitive computes them.

The result of such a part becomes an input of the network. It must be a feature map, so the part may be larger
than the call itself: the submodule that contains the call, or the calls up to the next feature map.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import fx

from archdsl.lift.recognizing import Hole, Recognized, recognize
from archdsl.lift.tracing import BATCH, Trace, hints, operator_of, place_of
from archdsl.ops.lifting import FixedSizes, Layout, map_layout

MOST = 200
"""The maximum number of excluded parts; a model with more is not worth lifting."""


def recognized(trace: Trace, name: str) -> Recognized:
    """The network of a traced program, with an input for each part that no primitive computes."""
    holes: list[Hole] = []
    while True:
        found = recognize(trace, name, holes)
        if not found.unknown or len(holes) >= MOST:
            return found
        added = _next(trace, found, len(holes))
        if not added:
            return found
        holes += added


def _next(trace: Trace, found: Recognized, count: int) -> list[Hole]:
    """The holes (inputs) that replace the first unknown call, or a part of the model around it."""
    root = found.unknown[0]
    scopes = trace.scopes(root)
    module = scopes[-1].path if scopes else ""
    for results in _boundaries(trace, found, root):
        sizes = [_map_of(found, node) for node in results]
        if results and all(size is not None for size in sizes):
            return [
                Hole(f"hole_{count + n + 1}", node.name, *size, operator_of(root), module, place_of(root))
                for n, (node, size) in enumerate(zip(results, sizes, strict=True))
                if size is not None
            ]
    return []


def _boundaries(trace: Trace, found: Recognized, root: fx.Node) -> Iterator[list[fx.Node]]:
    """Yields lists of results that could be inputs instead of the result of a call, the closest to the call
    first.
    """
    if _is_map_size(found, root):
        yield [root]
    scopes = trace.scopes(root)
    for depth in range(len(scopes), 0, -1):
        inside = [node for node in trace.nodes if trace.scopes(node)[:depth] == scopes[:depth]]
        own = set(inside)
        yield [node for node in inside if _is_tensor(node) and set(node.users) - own]
    yield from ([node] for node in _after(root))
    yield [root]


def _after(root: fx.Node) -> Iterator[fx.Node]:
    """Yields the calls that depend on the result of a call, in order of distance."""
    ahead, seen = [root], {root}
    for node in ahead:
        for user in node.users:
            if user not in seen and user.op == "call_function":
                seen.add(user)
                ahead.append(user)
                yield user


def _is_tensor(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.dtype == torch.float32


def _is_map_size(found: Recognized, node: fx.Node) -> bool:
    """Whether a result has the height and width of a feature map of the network."""
    if not _is_tensor(node) or len(node.meta["val"].shape) != 4:
        return False
    shape = hints(node.meta["val"].shape)
    known = {operand.sizes[1:] for operand in found.values.values() if operand.sizes is not None}
    return shape[0] == BATCH and shape[2:] in known


def _map_of(found: Recognized, node: fx.Node) -> tuple[FixedSizes, Layout] | None:
    """The sizes (C, H, W) and the layout of a result if it represents a feature map, else None.

    It does if it is N × C × H × W, or if it has the shape of a tensor of the network, whose layout it is
    taken to have.
    """
    if not _is_tensor(node):
        return None
    shape = hints(node.meta["val"].shape)
    if len(shape) == 4 and shape[0] == BATCH:
        sizes = (shape[1], shape[2], shape[3])
        return sizes, map_layout(BATCH, sizes)
    for operand in reversed(list(found.values.values())):
        if operand.sizes is not None and operand.shape == shape:
            return operand.sizes, operand.layout
    return None


def fed(trace: Trace, found: Recognized) -> Sequence[str]:
    """The tensors of the network that the excluded parts read."""
    names: dict[str, None] = {}
    nodes = {node.name: node for node in trace.nodes}
    for hole in found.holes:
        ahead, seen = [nodes[hole.node]], set()
        while ahead:
            for source in ahead.pop().all_input_nodes:
                if not isinstance(source.meta.get("val"), (torch.Tensor, list, tuple)):
                    continue  # a size
                operand = found.values.get(source)
                if operand is not None and operand.name is not None:
                    names.setdefault(operand.name)
                elif source not in seen:
                    seen.add(source)
                    ahead.append(source)
    return list(names)
