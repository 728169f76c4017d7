"""Costs of networks and spaces: whether they are right, and how many are found in a second.

    python benchmarks/cost.py [ROUNDS] [NETWORKS]

NETWORKS random networks of each shipped space are counted twice: by archdsl, and by torch's FlopCounterMode
(FLOPs / 2) and `numel` on the meta device.
"""

from __future__ import annotations

import random
import sys
from typing import Any

from measure import SPECS, in_turns, median, one_thread, save

one_thread()

import torch  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

import archdsl  # noqa: E402
from archdsl.backends.torch_module import build  # noqa: E402
from archdsl.passes.costs.cost import costs, total  # noqa: E402
from archdsl.passes.costs.memory import traffic  # noqa: E402
from archdsl.passes.costs.pricer import Pricer  # noqa: E402
from archdsl.passes.costs.pricing import MACS, PARAMS, traffic_price  # noqa: E402
from archdsl.passes.costs.space_cost import SpaceCost, random_outcomes  # noqa: E402

SPACES = ("space", "autortnet", "gas", "fasterseg", "template")
MANY = {True: 100_000, False: 40}
ONE = {True: 5_000, False: 40}
TARGETS = {"one": 72_000, "many": 1_000_000}


def counted_by_torch(graph: Any) -> tuple[int, int]:
    """Parameters and FLOPs of the compiled module."""
    with torch.device("meta"):
        module = build(graph).eval()
        images = [torch.empty(1, *shape) for shape in graph.inputs.values()]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.forward_all(*images)
    return sum(p.numel() for p in module.parameters()), counter.get_total_flops()


def correctness(space: archdsl.Space, cost: SpaceCost, networks: int) -> dict[str, int]:
    """How many of some random networks each way of counting gets exactly as torch does."""
    rng = random.Random(0)
    rows = [[rng.randrange(d.size) for d in space.decisions.values()] for _ in range(networks)]
    closed = zip(cost.pricer(PARAMS).many(rows), cost.pricer(MACS).many(rows), strict=True)
    moved = cost.pricer(traffic_price())
    same = {"networks": networks, "cost pass": 0, "closed form": 0}
    if isinstance(moved, Pricer):
        same["traffic"] = 0
    for row, found in zip(rows, closed, strict=True):
        graph = space.bind(cost.decisions(row)).graph
        params, flops = counted_by_torch(graph)
        whole = total(costs(graph).values())
        same["cost pass"] += (whole.params, 2 * whole.macs) == (params, flops)
        same["closed form"] += (found[0], 2 * found[1]) == (params, flops)
        if isinstance(moved, Pricer):
            same["traffic"] += moved.one(row) == sum(map(sum, traffic(graph).values()))
    return same


def speed(cost: SpaceCost, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of pricing many networks, and of one network a call."""
    pricer = cost.pricer(MACS)
    quick = isinstance(pricer, Pricer)
    many = random_outcomes(cost.graph, MANY[quick])
    one = random_outcomes(cost.graph, ONE[quick], seed=1).tolist()
    ask = pricer.one_function if isinstance(pricer, Pricer) else pricer.one

    def by_the_row() -> None:
        for row in one:
            ask(row)

    tasks: dict[str, Any] = {"many": lambda: pricer.many(many), "one": by_the_row}
    if quick:
        expected = cost.expected(MACS)
        vectors = {p: torch.full((d.size,), 1 / d.size) for p, d in cost.graph.decisions.items()}
        free = {path: vector.requires_grad_() for path, vector in vectors.items()}
        tasks["expected"] = expected.of
        tasks["expected, with gradients, in torch"] = lambda: expected.torch(free).backward()
    return in_turns(tasks, rounds)


def main(rounds: int = 15, networks: int = 200) -> None:
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    for name in SPACES:
        space = archdsl.load(SPECS / f"{name}.arch").space()
        cost = SpaceCost(space.graph)
        same = correctness(space, cost, networks)
        taken = speed(cost, rounds)
        quick = cost.entangled is None
        many, one = MANY[quick] / median(taken["many"]), ONE[quick] / median(taken["one"])
        print(f"{name}: exact as torch {same}")
        print(f"  one network a call {one:12,.0f} per second ({one / TARGETS['one']:.2f} of the target)")
        print(f"  batched            {many:12,.0f} per second ({many / TARGETS['many']:.2f} of the target)")
        for task in ("expected", "expected, with gradients, in torch"):
            if task in taken:
                print(f"  {task}: {1e3 * median(taken[task]):.1f} ms")
        found[name] = {
            "same as torch": same,
            "closed form": quick,
            "networks a call": {"many": MANY[quick], "one": ONE[quick]},
            "cpu_seconds": taken,
            "per second": {"one": one, "many": many},
        }
    save("cost", {"targets": TARGETS, "spaces": found})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
