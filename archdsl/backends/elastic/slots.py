"""The stored layers of an elastic supernet, each at its largest size over all networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from archdsl import ops
from archdsl.backends.elastic.kernels import KernelSize, Transforms, parameters_of, transforms
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir.expr import apply, by_axis
from archdsl.ops.base import ADVISORY, Layer
from archdsl.ops.places import NotShared

_ROOM = 1 << 20
"""The number of rows and columns for which the largest layers are computed.

It is large, since whether images are large enough is checked for networks instead.
"""


@dataclass(frozen=True)
class Slot:
    """A stored layer at its largest size, with the largest value of each setting."""

    weights: str
    op: str
    layer: Layer
    most: Mapping[str, Any]
    width: int
    """The maximum number of channels of the first input."""
    wide: int
    """The maximum number of channels of the output."""
    params: int
    joined: tuple[int, ...]
    """The widths of the tensors that are concatenated in the first input; each fills a contiguous range of
    the input's channels, in this order.
    """
    kernels: frozenset[KernelSize]
    """The kernel sizes of all networks if smaller kernels are derived by learned transforms, otherwise
    empty.
    """
    transforms: Transforms


def merged(every: Iterable[Mapping[str, Slot]]) -> dict[str, Slot]:
    """The stored layers of several spaces; layers of equal name are stored once.

    Raises SpecError (ARCH810) for layers of different kinds, or with inputs that concatenate tensors of
    different widths.
    """
    found: dict[str, Slot] = {}
    for slots in every:
        for weights, slot in slots.items():
            found[weights] = _both(found[weights], slot) if weights in found else slot
    return found


def _both(one: Slot, other: Slot) -> Slot:
    if one.op != other.op:
        raise _apart(one, "belongs to different primitives")
    if len(one.joined) != len(other.joined) or (len(one.joined) > 1 and one.joined != other.joined):
        raise _apart(one, "concatenates inputs whose largest widths differ")
    most = {key: largest([one.most[key], other.most[key]]) for key in one.most}
    width, wide = max(one.width, other.width), max(one.wide, other.wide)
    joined = (width,) if len(one.joined) == 1 else one.joined
    try:
        return slot_of(one.weights, one.op, most, width, wide, joined, one.kernels | other.kernels)
    except NotShared as error:
        raise _apart(one, f"cannot be stored: {error}") from None


def _apart(slot: Slot, why: str) -> SpecError:
    headline = f"no elastic weights: `{slot.weights}`, shared by several architectures, {why}"
    return SpecError(
        [
            Diagnostic(
                "ARCH810", headline, help="list it in `private`: then each architecture has its own weights"
            )
        ]
    )


def slot_of(
    weights: str, op: str, most: Mapping[str, Any], width: int, wide: int, joined: tuple[int, ...],
    kernels: frozenset[KernelSize],
) -> Slot:  # fmt: skip
    """The stored layer of weights, for the largest settings, and widths of the first input and of the output.

    Raises NotShared if such a layer would be ill-typed.
    """
    primitive = ops.get(op)
    primitive.shape([(width, _ROOM, _ROOM)], most, _demand_shared)
    xs, y = [(width, 1, 1)], (wide, 1, 1)
    layer = primitive.layer(xs, y, most)
    assert layer is not None
    found = transforms(kernels, by_axis(primitive.kernel_size(most))) if len(kernels) > 1 else {}
    params = primitive.cost(xs, y, most).params + parameters_of(found)
    return Slot(weights, op, layer, most, width, wide, params, joined, kernels, found)


def _demand_shared(condition: Any, code: str, message: str, /, **values: Any) -> None:
    """Raises NotShared if the largest layer violates a constraint of its shape rule.

    No network needs to have all channels and largest settings, but the layer stores the weights of all
    networks.
    """
    if condition is False and code not in ADVISORY:
        raise NotShared(f"with the largest settings of all networks, {message.format(**values)}")


def largest(values: list[Any]) -> Any:
    """The largest of numbers, for each axis of pairs; for other values, the first one."""
    if all(type(value) in (int, float) for value in values):
        return max(values)
    if not all(type(value) in (int, tuple) for value in values):
        return values[0]
    return apply("pair", *map(max, zip(*map(by_axis, values), strict=True)))
