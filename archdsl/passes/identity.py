"""Identity of networks: a hash of the computation, independent of names and of the space."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl import ops
from archdsl.ir import Graph
from archdsl.ir.same import fingerprint
from archdsl.passes.base import Analysis, Contract
from archdsl.passes.transforms.simplify import Simplify


@dataclass(frozen=True)
class Identity(Analysis[str]):
    """The analysis that computes `identity`."""

    name = "identity"
    summary = "a hash of the canonical text of a network's simplified graph"
    contract = Contract(needs="network", uses=frozenset(("shapes",)))

    def run(self, graph: Graph) -> str:
        commutative = frozenset(name for name, primitive in ops.primitives().items() if primitive.commutes)
        return fingerprint(Simplify()(graph), commutative)


def identity(graph: Graph) -> str:
    """A hash of a network's computation; networks that differ only in names or order of summands have the
    same.

    Networks with different hashes may still compute the same results: only the rewrites of `simplify` are
    applied. Raises SpecError (ARCH508) for a graph with decisions.
    """
    return Identity()(graph)
