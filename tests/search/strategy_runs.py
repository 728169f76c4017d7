"""Strategies run against values that are made up: on domains with inactive decisions."""

from __future__ import annotations

import copy
import itertools
import json
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import archdsl
from archdsl.search.strategies.base import Observation, Outcomes, Proposal, Strategy
from archdsl.search.trials.config import read_trials, strategy_of
from archdsl.search.trials.domain import Domain

SPACE = """arch 1

space Small(; classes = 3) {
  input image: [3, 32, 64]
  x[0] = image -> conv(c = 4, s = 2)
  stage body for i in 1..2 {
    kind = one of {conv: conv(c = 4), wide: conv(c = 4, k = 5), point: conv(c = 4, k = 1)}
    x[i] = x[i - 1] -> kind
  }
  depth = one of {0..2}
  head = one of {small: conv(c = 8, k = 1), large: conv(c = 8, k = 3)}
  output logits = x[depth] -> head -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""
PROGRAM = archdsl.load("small.arch", text=SPACE)


@dataclass
class Required:
    """A requirement on costs: what a function says."""

    meets: Callable[[Outcomes], bool] = lambda outcomes: True

    def meets_many(self, rows: Any) -> Any:
        return None

    def extremes(self) -> tuple[Outcomes, ...]:
        return ()


def small(goals: int = 1, meets: Callable[[Outcomes], bool] = lambda outcomes: True) -> Domain:
    """The decisions of SPACE: (1 + 3 + 9) x 2 = 26 networks among 54 combinations."""
    return Domain.of_graph(PROGRAM.space().searched, goals, Required(meets))


def made(text: str, domain: Domain, seed: int = 0) -> Strategy:
    """The strategy that a search block writes."""
    goals = "".join(f"  minimize {cost}\n" for cost in ("macs", "params")[: domain.goals])
    search = f"search Q for Small {{\n  strategy = {text}\n{goals}}}\n"
    program = archdsl.load("small.arch", text=SPACE + search)
    return strategy_of(read_trials(program.search()).strategy, domain, seed)


def hashed(outcomes: Outcomes, epochs: int | None = None) -> float:
    """A number in [0, 1) that looks random."""
    return zlib.crc32(repr((outcomes, epochs)).encode()) / 2**32


class Driver:
    """Proposes and observes as a search does, with so many open trials; `seen` has every proposal.

    Some networks fail, some miss a requirement on scores.
    """

    def __init__(self, strategy: Strategy, domain: Domain, parallel: int = 1, rough: bool = True):
        self.strategy, self.domain, self.parallel, self.rough = strategy, domain, parallel, rough
        self.open: deque[Proposal] = deque()
        self.known: dict[Any, tuple[tuple[float, ...], str]] = {}
        self.seen: list[Proposal] = []
        self.idle = 0

    def step(self) -> bool:
        """Proposes until enough are open, then observes one; False at the end."""
        while len(self.open) < self.parallel:
            found = self.strategy.propose()
            if found is None:
                break
            one = found if isinstance(found, Proposal) else Proposal(found)
            self.seen.append(one)
            self.open.append(one)
        if not self.open:
            return False
        self.strategy.observe(self._observed(self.open.popleft()))
        return self.idle < 1000

    def run(self, steps: int = 100_000) -> list[Proposal]:
        while steps and self.step():
            steps -= 1
        return self.seen

    def _observed(self, one: Proposal) -> Observation:
        outcomes = self.domain.canonical(one.outcomes)
        worst = (float("inf"),) * self.domain.goals
        if not self.domain.allowed(outcomes):
            self.idle += 1
            return Observation(outcomes, worst, "unmet", one.epochs)
        key = (outcomes, one.epochs)
        if key in self.known:
            self.idle += 1
            values, state = self.known[key]
            return Observation(outcomes, values, "repeated" if state == "scored" else state, one.epochs)  # type: ignore[arg-type]
        self.idle = 0
        values = tuple(hashed((*outcomes, n), one.epochs) for n in range(self.domain.goals))
        state = "scored"
        if self.rough and values[0] > 0.8:
            values, state = worst, "failed" if values[0] > 0.9 else "unmet"
        self.known[key] = values, state
        return Observation(outcomes, values, state, one.epochs)  # type: ignore[arg-type]

    def copied(self, strategy: Strategy) -> Driver:
        """Goes on with another strategy, restored from the state of this one."""
        state = copy.deepcopy(self.strategy.state())  # type: ignore[attr-defined]
        arrays = state.pop("arrays", {})
        strategy.restore({**json.loads(json.dumps(state)), "arrays": arrays})  # type: ignore[attr-defined]
        other = Driver(strategy, self.domain, self.parallel, self.rough)
        other.open, other.known = deque(self.open), dict(self.known)
        other.seen, other.idle = list(self.seen), self.idle
        return other


def every(domain: Domain) -> list[Outcomes]:
    """All networks, by trying all combinations."""
    found = {domain.canonical(o) for o in itertools.product(*map(range, domain.sizes))}
    return sorted(one for one in found if domain.allowed(one))
