"""Operators that change the layout of a tensor but not its values: views, permutations, copies.

Each function takes the layout of the argument and the call, and returns the layout of the result, or None if
the result splits or mixes factors of the layout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod

from archdsl.ops.lifting import Call, Factor, Layout


def rearranged(layout: Layout, call: Call) -> Layout | None:
    """The layout of the result of a call of an operator in `OPERATORS`; None if it has no layout."""
    return OPERATORS[call.operator](layout, call)


def keeps_order(call: Call) -> bool:
    """Whether the result has the values of the argument in the same order, for any layout."""
    return OPERATORS[call.operator] in (_view, _same, _expand, _slice, _pad)


def viewed(layout: Layout, shape: Sequence[int]) -> Layout | None:
    """The layout after a reshape: factors are regrouped in order, and split if a dimension ends inside
    one.
    """
    ahead = [factor for dimension in layout for factor in dimension]
    found: list[tuple[Factor, ...]] = []
    for size in shape:
        own: list[Factor] = []
        while size > 1:
            if not ahead:
                return None
            axis, stride, count = ahead.pop(0)
            if size % count == 0:
                own.append((axis, stride, count))
                size //= count
            elif count % size == 0:
                rest = count // size
                own.append((axis, stride * rest, size))
                ahead.insert(0, (axis, stride, rest))
                size = 1
            else:
                return None
        found.append(tuple(merged(own)))
    return None if ahead else tuple(found)


def merged(factors: Sequence[Factor]) -> Iterator[Factor]:
    """Yields the factors of a dimension; neighbours that are consecutive parts of one axis are merged."""
    last: Factor | None = None
    for factor in factors:
        if last is not None and (last[0], last[1]) == (factor[0], factor[1] * factor[2]):
            last = (last[0], factor[1], last[2] * factor[2])
            continue
        if last is not None:
            yield last
        last = factor
    if last is not None:
        yield last


def _view(layout: Layout, call: Call) -> Layout | None:
    return viewed(layout, call.shape)


def _permute(layout: Layout, call: Call) -> Layout:
    return tuple(layout[dim] for dim in call["dims"])


def _transpose(layout: Layout, call: Call) -> Layout:
    order = list(layout)
    a, b = call["dim0"], call["dim1"]
    order[a], order[b] = order[b], order[a]
    return tuple(order)


def _matrix_transpose(layout: Layout, call: Call) -> Layout:
    return (*layout[:-2], *reversed(layout[-2:]))


def _same(layout: Layout, call: Call) -> Layout:
    return layout


def _expand(layout: Layout, call: Call) -> Layout | None:
    return layout if prod(call.shape) == prod(call.x.shape) else None


def _slice(layout: Layout, call: Call) -> Layout | None:
    return layout if call.shape == call.x.shape else None


def _pad(layout: Layout, call: Call) -> Layout | None:
    return layout if not any(call["pad"]) else None


OPERATORS: Mapping[str, Callable[[Layout, Call], Layout | None]] = {
    **dict.fromkeys(
        ("view", "reshape", "_unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as"), _view
    ),
    "permute": _permute,
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), _transpose),
    **dict.fromkeys(("t", "numpy_T", "mT"), _matrix_transpose),
    **dict.fromkeys(("contiguous", "clone", "alias", "detach", "lift_fresh_copy", "to", "type_as"), _same),
    **dict.fromkeys(("expand", "broadcast_to"), _expand),
    "slice": _slice,
    "pad": _pad,
}
