"""The origin of a size to which a traced program resizes a tensor: another tensor, or a factor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import fx

from archdsl.lift.tracing import Size, arguments_of, sizes_of, value_of
from archdsl.ops.lifting import Measured, Operand


def measured(
    node: fx.Node, likes: Mapping[fx.Node, fx.Node], values: Mapping[fx.Node, Operand]
) -> Measured | None:
    """The origin of the size to which a call interpolates; None if it is unknown.

    `likes` are as in `Trace`, `values` are the operands of the calls before this one.
    """
    like = values.get(likes.get(node, node))
    if like is not None and like.is_map:
        return Measured(like=like)
    wanted = arguments_of(node).get("output_size")
    first = node.args[0] if node.args else None
    if not isinstance(wanted, (list, tuple)) or len(wanted) != 2 or not isinstance(first, fx.Node):
        return None
    own = value_of(first).shape[2:] if isinstance(value_of(first), torch.Tensor) else ()
    if len(own) != 2:
        return None
    return _Sizes(sizes_of(wanted), sizes_of(own)).measured(_tensors(first, values))


def _tensors(resized: fx.Node, values: Mapping[fx.Node, Operand]) -> list[tuple[list[Size], Operand]]:
    """The heights and widths of maps, with the maps, beginning with the most probable origins of a size.

    A tensor is most often resized to the size of an input, or to that of the last tensor from which it
    was computed at a smaller size.
    """
    above, ahead = set(), [resized]
    while ahead:
        node = ahead.pop()
        if node not in above:
            above.add(node)
            ahead += node.all_input_nodes
    maps = [(node, x) for node, x in values.items() if x.is_map and len(x.shape) == 4]
    maps.reverse()
    ordered = sorted(maps, key=lambda pair: (pair[1].call is not None, pair[0] not in above))
    return [(sizes_of(value_of(node).shape[2:]), x) for node, x in ordered]


@dataclass(frozen=True)
class _Sizes:
    """The height and width that a call resizes to, and those of the tensor that it resizes."""

    wanted: list[Size]
    own: list[Size]

    def measured(self, tensors: list[tuple[list[Size], Operand]]) -> Measured | None:
        like = self._like(tensors)
        if all(size.is_constant for size in self.wanted) and like and like.call is None:
            return Measured(like=like)
        factor = self._factor()
        return factor or (Measured(like=like) if like else None)

    def _like(self, tensors: list[tuple[list[Size], Operand]]) -> Operand | None:
        """The first tensor whose height and width equal the wanted ones for all input sizes; None without
        one.
        """
        return next((operand for sizes, operand in tensors if sizes == self.wanted), None)

    def _factor(self) -> Measured | None:
        pairs = list(zip(self.wanted, self.own, strict=True))
        (wanted, own), _ = pairs
        times, down = wanted.hint // own.hint, own.hint // wanted.hint
        if times > 0 and all(w.is_multiple(o, times) for w, o in pairs):
            return Measured(times=times)
        if down > 1 and all(w.is_part(o, down) for w, o in pairs):
            return Measured(down=down)
        return None
