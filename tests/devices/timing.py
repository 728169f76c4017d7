"""A timer without a clock, for tests: what a network takes follows from its nodes."""

from __future__ import annotations

from dataclasses import dataclass, field

from archdsl.devices.measure import Timer
from archdsl.devices.runtimes import Run
from archdsl.devices.table import Round
from archdsl.ir.graph import Graph
from archdsl.passes.analyses.shapes import infer
from archdsl.passes.costs.cost import costs, total

SPEC = """\
arch 1

op block(x; c: int = x.c, k: int = 3, s: int = 1) = x -> relu -> conv(c = c, k = k, s = s) -> bn

OPS = {zero, thin: block(k = 1), wide: block, pool: max_pool}

space Tiny(; width = 4) {
  input image: [3, 16, 32]
  x[0] = image -> conv(c = width, s = 2) -> bn
  stage body for i in 1..3 {
    left = one of OPS
    right = one of OPS
    x[i] = (x[i - 1] -> left) + (x[i - 1] -> right)
  }
  depth = one of {1..3}
  output logits = x[depth] -> conv(c = 5, k = 1) -> upsample(like = image)
}

network Found from Tiny {
  body[1] = (left = thin, right = wide)
  body[2] = (left = zero, right = pool)
  depth = 2
}

network Bare {
  input image: [3, 16, 32]
  output y = image -> block(c = 4, s = 2)
}
"""


@dataclass(frozen=True)
class PretendTimer(Timer):
    """Takes 1 ms a call, 0.1 ms a node and 0.01 ms for a thousand MACs and values; some ops it refuses.

    `asked` collects the names of the networks that it prepared.
    """

    refuses: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    def prepare(self, graph: Graph) -> Run:
        self.asked.append(graph.name)
        if self.refuses & {node.op for node in graph.nodes.values()}:  # type: ignore[union-attr]
            raise NotImplementedError("no such kernel\nand a long story")
        values = sum(c * h * w for c, h, w in infer(graph).values())
        ms = 1 + 0.1 * len(graph.nodes) + (total(costs(graph).values()).macs + values) / 1e5

        def run() -> None:
            pass

        run.ms = ms  # type: ignore[attr-defined]
        return run

    def time(self, run: Run, seconds: float, least: int) -> Round:
        ms: float = run.ms  # type: ignore[attr-defined]
        return Round(median_ms=1.1 * ms, low_ms=ms, iqr_ms=0.01, runs=least)
