"""The loop of strategies that evaluate network after network: propose, evaluate, observe.

It is resumed by replay: the same proposals are made again, and those whose trials were recorded are not
evaluated but looked up (see `archdsl.search.strategies.base`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from archdsl.search.strategies.base import Outcomes, Strategy


@dataclass(frozen=True)
class Trial:
    """A network that was evaluated, and its objective, the lower the better."""

    outcomes: Outcomes
    value: float


def run(
    strategy: Strategy,
    evaluate: Callable[[Outcomes], float],
    trials: int,
    identify: Callable[[Outcomes], Hashable | None],
) -> list[Trial]:
    """At most so many trials, in the order of proposals.

    `evaluate` returns the objective of a network, or the recorded one.  `identify` says which proposals make
    one network: each is one trial; None: the network misses a requirement and is not a trial.
    """
    done: list[Trial] = []
    known: set[Hashable] = set()
    while len(done) < trials and (outcomes := strategy.propose()) is not None:
        network = identify(outcomes)
        if network is None or network in known:
            strategy.observe(outcomes, None)
            continue
        known.add(network)
        done.append(Trial(outcomes, evaluate(outcomes)))
        strategy.observe(outcomes, done[-1].value)
    return done


def best(trials: list[Trial]) -> Trial:
    """The trial of the lowest objective, the first of equal ones."""
    return min(trials, key=lambda trial: trial.value)
