"""Learned transforms of elastic kernels: a smaller kernel is a linear map of the centre of a larger one.

Cai et al., "Once-for-All", ICLR 2020, arXiv:1908.09791, section 3.3: kernel transformation matrices, which
all channels of a layer share, but layers do not. As in the released code, the matrices start as identities,
and sizes are derived in turn: 5×5 from the centre of 7×7, 3×3 from the centre of the derived 5×5.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from archdsl.ops.places import Part, centre

WEIGHT = "weight"
"""The name of the tensor whose last two axes are the positions of a kernel."""

KernelSize = tuple[int, int]


@dataclass(frozen=True)
class Transform:
    """Derives a kernel from a larger one: a part of it (rows, columns) is multiplied by a stored matrix."""

    name: str
    """The name of the matrix, which is n × n for the n positions of the smaller kernel."""
    rows: range
    columns: range

    @property
    def positions(self) -> int:
        return len(self.rows) * len(self.columns)


Transforms = Mapping[KernelSize, tuple[Transform, ...]]
"""For each kernel size, the transforms that derive it from the stored kernel, in order."""


def transforms(sizes: Collection[KernelSize], largest: KernelSize) -> Transforms:
    """The transforms for all sizes that are smaller than the largest.

    Each size is derived from the next larger size that contains it, the one with fewest positions. The
    kernels are at the same positions of the stored kernel as kernels that are cropped (`places.centre`).
    """
    found: dict[KernelSize, tuple[Transform, ...]] = {largest: ()}
    for size in sorted({*sizes} - {largest}, key=_positions_first, reverse=True):
        source = min((one for one in found if _contains(one, size)), key=_positions_first)
        rows, columns = (_within(*sides) for sides in zip(size, source, largest, strict=True))
        name = f"{WEIGHT}_{source[0]}x{source[1]}_to_{size[0]}x{size[1]}"
        found[size] = (*found[source], Transform(name, rows, columns))
    return found


def _positions_first(size: KernelSize) -> tuple[int, KernelSize]:
    return size[0] * size[1], size


def _contains(one: KernelSize, other: KernelSize) -> bool:
    return one[0] >= other[0] and one[1] >= other[1]


def _within(size: int, source: int, most: int) -> range:
    """The positions of a kernel inside a larger one along one axis, both centred in the stored kernel.

    The kernels have `size`, `source` and `most` positions along this axis.
    """
    start = centre(size, most).start - centre(source, most).start
    return range(start, start + size)


def steps_of(found: Transforms) -> dict[str, Transform]:
    """All transforms in `found`, by the names of their matrices."""
    return {step.name: step for steps in found.values() for step in steps}


def parameters_of(found: Transforms) -> int:
    """The total number of elements of the matrices of all transforms in `found`."""
    return sum(step.positions**2 for step in steps_of(found).values())


def steps_to(part: Part, found: Transforms) -> tuple[Transform, ...]:
    """The transforms, in order, that compute the kernel of the size of `part` from the largest kernel."""
    return found[len(part[-2]), len(part[-1])]
