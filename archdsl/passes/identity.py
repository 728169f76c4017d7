"""Which networks are one: they compute the same by the same steps, whatever decisions and names they have."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl import ops
from archdsl.ir import Graph
from archdsl.ir.same import fingerprint
from archdsl.passes.base import Analysis, Contract
from archdsl.passes.transforms.simplify import Simplify


@dataclass(frozen=True)
class Identity(Analysis[str]):
    """A hash of what a network computes, as `identity` returns it."""

    name = "identity"
    summary = "a hash of what a network computes: the canonical text of its simplified graph"
    contract = Contract(needs="network", uses=frozenset(("shapes",)))

    def run(self, graph: Graph) -> str:
        commutative = frozenset(name for name, primitive in ops.primitives().items() if primitive.commutes)
        return fingerprint(Simplify()(graph), commutative)


def identity(graph: Graph) -> str:
    """A hash of what a network computes; equal for networks that differ in names and orders of sums only.

    Unequal hashes do not show that results differ: only what `simplify` finds equal is seen to be.
    Raises SpecError (ARCH508) for a graph with decisions.
    """
    return Identity()(graph)
