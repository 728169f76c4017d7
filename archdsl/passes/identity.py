"""Identity of networks: a hash of the computation, independent of decisions and names."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl import ops
from archdsl.ir import Graph
from archdsl.ir.same import fingerprint
from archdsl.passes.base import Analysis, Contract
from archdsl.passes.transforms.simplify import Simplify


@dataclass(frozen=True)
class Identity(Analysis[str]):
    """The analysis pass for `identity`."""

    name = "identity"
    summary = "a hash of the canonical text of a network's simplified graph"
    contract = Contract(needs="network", uses=frozenset(("shapes",)))

    def run(self, graph: Graph) -> str:
        commutative = frozenset(name for name, primitive in ops.primitives().items() if primitive.commutes)
        return fingerprint(Simplify()(graph), commutative)


def identity(graph: Graph) -> str:
    """A hash of a network's computation; equal for networks that differ in names and the order of sums only.

    Different hashes do not imply different results: equality is that of `simplify`. Raises SpecError
    (ARCH508) for a graph with decisions.
    """
    return Identity()(graph)
