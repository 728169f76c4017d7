"""Channel indices in elastic weights: which channels of the largest tensor the tensor of one network has.

A supernet with elastic weights stores each weight once, at its largest size. The layer of one network uses
the slice of it that belongs to the channels of its input and output (slimmable networks, arXiv:1812.08928;
once-for-all, arXiv:1908.09791). The widest form of a tensor has the most channels of all networks; the places
of a network's channels are their indices in that form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Union

Places = tuple[int, ...]
"""For each channel of a tensor in one network, its index in the widest form of the tensor."""
Index = Union[range, Places]
"""The indices of a slice along one dimension of a weight."""
Part = tuple[Index, ...]
"""A slice of a weight: the indices along each dimension."""
Parts = Mapping[str, Part]
"""The slices of the weights and statistics of a layer, by name."""


class NotShared(Exception):
    """Raised if the weights of a layer in one network cannot be a slice of those at the largest size.

    The message states the reason.
    """


def leading(count: int) -> Places:
    """The indices of the first `count` channels."""
    return tuple(range(count))


def index(places: Places) -> Index:
    """The places as a range if they are contiguous, otherwise unchanged."""
    first = places[0]
    run = range(first, first + len(places))
    return run if places == tuple(run) else places


def centre(size: int, most: int) -> range:
    """The indices of the centre of a kernel of `most` entries; one entry earlier if an exact centre is
    impossible.
    """
    first = (most - size) // 2
    return range(first, first + size)


def stacked(xs: Sequence[Places | None], widths: Sequence[int]) -> Places:
    """The places of concatenated channels; each tensor keeps its range even if another one is missing."""
    found: list[int] = []
    before = 0
    for places, width in zip(xs, widths, strict=True):
        found += [before + place for place in places or ()]
        before += width
    return tuple(found)


def by_group(count: int, width: int, groups: int) -> Places:
    """The places of the first channels of each group. Raises NotShared if groups do not divide the width."""
    if width % groups:
        raise NotShared(f"{groups} groups do not divide {width} channels, the largest number in any network")
    each, whole = count // groups, width // groups
    return tuple(group * whole + n for group in range(groups) for n in range(each))


def within_group(places: Places, width: int, groups: int) -> Places:
    """The places relative to their group, which must be equal in each group. Raises NotShared otherwise.

    The first channels of a tensor that has no groups are taken to be the first ones of each group.
    """
    each = len(places) // groups
    if places == leading(len(places)) and width % groups == 0:
        return leading(each)
    if width % groups:
        raise NotShared(f"{groups} groups do not divide {width} channels, the largest number in any network")
    whole = width // groups
    parts = {tuple(p - n * whole for p in places[n * each : (n + 1) * each]) for n in range(groups)}
    (first, *others) = parts
    if others or min(first) < 0 or max(first) >= whole:
        raise NotShared(f"the {groups} groups would use different channels of the shared weights")
    return first


def one_origin(what: str, xs: Sequence[Places]) -> Places:
    """Returns the channel indices that all operands have in common. Raises NotShared if they differ."""
    if any(x != xs[0] for x in xs):
        raise NotShared(f"the operands of a {what} would use different channels of the shared weights")
    return xs[0]
