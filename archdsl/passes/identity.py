"""Which networks are one: they compute the same by the same steps, whatever decisions and names they have."""

from __future__ import annotations

from archdsl import ops
from archdsl.ir import Graph
from archdsl.ir.same import fingerprint
from archdsl.passes.transforms.simplify import simplify


def identity(graph: Graph) -> str:
    """A hash of what a network computes; equal for networks that differ in names and orders of sums only.

    Unequal hashes do not show that results differ: only what `simplify` finds equal is seen to be.
    Raises ValueError for a graph with decisions.
    """
    commutative = frozenset(name for name, primitive in ops.primitives().items() if primitive.commutes)
    return fingerprint(simplify(graph), commutative)
