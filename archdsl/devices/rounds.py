"""Measures many items in rounds, each in random order, so that disturbances affect all items equally."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from archdsl.devices.measure import Timer
from archdsl.devices.runtimes import Run
from archdsl.devices.table import Round
from archdsl.ir.graph import Graph, Node
from archdsl.passes.analyses.shapes import infer

T = TypeVar("T")

HELD_BYTES = 2**30
"""The maximum estimated memory, in bytes, of the networks that are held at the same time."""

AGREE = 0.05
"""The fraction by which the lowest deciles of rounds may differ; otherwise, further rounds are measured."""


@dataclass
class Timed(Generic[T]):
    """An item to measure: its identity `what`, its network, and the rounds measured so far.

    `retimed` counts additional rounds; `failed` is the message of the runtime if the network cannot run.
    """

    what: T
    graph: Graph
    rounds: list[Round] = field(default_factory=list)
    retimed: int = 0
    failed: str | None = None

    @property
    def low_ms(self) -> float:
        """The latency in ms: the lowest decile of the quietest round, since disturbances only add time."""
        return min(p.low_ms for p in self.rounds)

    @property
    def noisy(self) -> bool:
        """Whether the middle half of the rounds disagree; single fast or slow rounds are tolerated."""
        lows = sorted(p.low_ms for p in self.rounds)
        middle = lows[len(lows) // 4 : len(lows) - len(lows) // 4]
        return bool(middle) and middle[-1] - middle[0] > max(AGREE * middle[0], 2e-3)


@dataclass(frozen=True)
class TimingPlan:
    """A plan of measurements: rounds, seconds and minimum runs per round, and maximum additional rounds."""

    rounds: int = 5
    seconds: float = 0.03
    least: int = 3
    more: int = 4


def time_all(
    things: Sequence[Timed[T]],
    timer: Timer,
    plan: TimingPlan,
    rng: random.Random,
    done: Callable[[Timed[T], float], None],
) -> None:
    """Measures the missing rounds of all items; `done(item, share)` is called after each measurement.

    `share` is the completed fraction. For items that cannot run, `failed` is set to the message of the
    runtime.
    """
    finished = 0
    for batch in _batches(things):
        _time_batch(batch, timer, plan, rng, lambda t, share: done(t, share), finished, len(things))
        finished += len(batch)


def _time_batch(
    batch: Sequence[Timed[T]],
    timer: Timer,
    plan: TimingPlan,
    rng: random.Random,
    done: Callable[[Timed[T], float], None],
    before: int,
    of: int,
) -> None:
    runs: dict[int, Run] = {}
    for thing in batch:
        if thing.failed is None and len(thing.rounds) < plan.rounds:
            run = _prepared(thing, timer)
            if run is not None:
                runs[id(thing)] = run
            else:
                done(thing, before / of)
    for number in range(plan.rounds + plan.more):
        extra = number >= plan.rounds
        ahead = [t for t in batch if id(t) in runs and (t.noisy if extra else len(t.rounds) <= number)]
        rng.shuffle(ahead)
        for n, thing in enumerate(ahead):
            thing.rounds.append(timer.time(runs[id(thing)], plan.seconds, plan.least))
            thing.retimed += extra
            part = 1.0 if extra else (number + (n + 1) / len(ahead)) / plan.rounds
            done(thing, (before + len(batch) * part) / of)


def _prepared(thing: Timed[T], timer: Timer) -> Run | None:
    """The function that runs an item, after a warm-up; None if the runtime fails, which is recorded."""
    try:
        run = timer.prepare(thing.graph)
        for _ in range(3):
            run()
    except ModuleNotFoundError:  # it would fail for every network
        raise
    except Exception as error:  # any runtime, any error: reported to the user
        thing.failed = f"{type(error).__name__}: {error}".splitlines()[0][:300]
        return None
    return run


def _batches(things: Sequence[Timed[T]]) -> Iterator[list[Timed[T]]]:
    """Yields consecutive items in batches of networks that fit into memory together (`HELD_BYTES`); at least
    one each.
    """
    batch: list[Timed[T]] = []
    held = 0
    for thing in things:
        size = _bytes(thing.graph)
        if batch and held + size > HELD_BYTES:
            yield batch
            batch, held = [], 0
        batch.append(thing)
        held += size
    if batch:
        yield batch


def _bytes(graph: Graph) -> int:
    """The approximate memory in bytes of a network while it runs."""
    from archdsl.passes.costs.cost import costs, total

    shapes = infer(graph)
    sizes = [c * h * w for c, h, w in shapes.values()]
    ends = [shapes[name] for name in (*graph.inputs, *graph.outputs.values())]
    weights = total(costs(graph, shapes).values()).params
    return 4 * (2 * max(sizes) + sum(c * h * w for c, h, w in ends) + 2 * weights)


def nothing() -> Graph:
    """An almost empty network, for measuring the call overhead of a runtime."""
    node = Node("y", "relu", ("x",), {}, "y")
    return Graph("Nothing", {"x": (1, 1, 1)}, {"y": node}, {"y": "y"})
