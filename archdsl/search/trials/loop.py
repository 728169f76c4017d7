"""The loop of a search by trials: propose, evaluate, observe.

Strategies observe results in the order of their proposals, whichever evaluation finishes first; at most
`parallel` networks are proposed before the first of them is observed. So proposals depend on the seed and on
`parallel`, but not on the number or speed of workers. A loop is resumed by replay: the strategy makes the
same proposals again, and recorded results are looked up instead of evaluated; with a snapshot (`state`),
earlier proposals are not replayed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from archdsl.search.engines.base import Done, Engine, Task
from archdsl.search.evaluators.base import Memory
from archdsl.search.strategies.base import Observation, Outcomes, Proposal, Snapshot, Standing, Strategy

MOST_IDLE = 1_000
"""A search ends after this many consecutive proposals without a new network that satisfies requirements."""
IDLE_AT_ONCE = 64
"""The maximum number of consecutive proposals without a new network while networks are being evaluated.

After that, the strategy waits for their results, from which it may learn.
"""
ATTEMPTS = 3
"""The maximum number of evaluations of a network whose workers were lost; then, the network has failed."""


@dataclass(frozen=True)
class Identified:
    """A proposal in canonical form.

    Networks with equal keys are the same trial; the key is None if the network violates a requirement.
    """

    outcomes: Outcomes
    key: Hashable | None


@dataclass(frozen=True)
class Trial:
    """An evaluated network. `values` has a number for each objective, lower is better."""

    number: int
    proposal: int
    outcomes: Outcomes
    epochs: int | None
    key: Hashable
    done: Done
    values: tuple[float, ...]
    state: Standing

    @property
    def value(self) -> float:
        """The value of the first objective."""
        return self.values[0]


class TrialScorer(Protocol):
    """Identifies and judges networks for the loop."""

    @property
    def objectives(self) -> int:
        """The number of objectives."""

    def identify(self, proposal: Proposal) -> Identified:
        """The canonical form of a proposal, and the key of its network."""

    def score(self, outcomes: Outcomes, done: Done) -> tuple[tuple[float, ...], Standing]:
        """The values of the objectives for a finished evaluation, and the state of the trial."""


@dataclass
class _Item:
    """A proposal that the strategy has not observed yet; `number` is the number of the trial, None if the
    proposal is not a new trial.
    """

    proposal: int
    outcomes: Outcomes
    epochs: int | None
    key: Any
    number: int | None
    attempt: int = 1
    memory: Mapping[str, Any] | None = None


class Loop:
    """Proposes, evaluates and observes until there are `trials` trials, or no more proposals.

    `memory` observes the scores of each trial in order; its state is passed to networks proposed afterwards.
    The other arguments are callbacks: `found` looks up a recorded result; `arrived` is called for a result
    that waits for results of earlier trials; `observed` for each trial in order, and `settled` after the
    strategy has observed it; `ended` returns True when no more networks are to be proposed; `waited` is
    called if no evaluation finished for a while.
    """

    def __init__(
        self,
        strategy: Strategy,
        scorer: TrialScorer,
        engine: Engine,
        *,
        trials: int,
        parallel: int = 1,
        memory: Memory | None = None,
        found: Callable[[Task], Done | None] = lambda task: None,
        arrived: Callable[[Done], None] = lambda done: None,
        observed: Callable[[Trial], None] = lambda trial: None,
        settled: Callable[[], None] = lambda: None,
        ended: Callable[[], bool] = lambda: False,
        waited: Callable[[], None] = lambda: None,
    ):
        self.strategy, self.scorer, self.engine = strategy, scorer, engine
        self.trials, self.parallel, self.memory = trials, parallel, memory
        self._found, self._arrived, self._observed, self._ended = found, arrived, observed, ended
        self._settled, self._waited = settled, waited
        self.proposed = self.started = self.observed = self.idle = 0
        self._ahead: deque[_Item] = deque()
        self._open = 0
        self._results: dict[int, Done] = {}
        self._values: dict[Hashable, tuple[tuple[float, ...], Standing]] = {}

    def run(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Runs to the end; returns False if `stop` returned True before the end."""
        while True:
            self._propose()
            if not self._ahead:
                return True
            if not self._observe(stop):
                return False

    # ------------------------------------------------------------ proposals

    def _propose(self) -> None:
        """Proposes until `parallel` networks are being evaluated, or the strategy needs more observations."""
        at_once = 0
        while self._open < self.parallel and self.started < self.trials and self.idle < MOST_IDLE:
            if (self._open and at_once >= IDLE_AT_ONCE) or self._ended():
                return
            made = self.strategy.propose()
            if made is None:
                return
            proposal = made if isinstance(made, Proposal) else Proposal(tuple(made))
            one = self.scorer.identify(proposal)
            self.proposed += 1
            key = None if one.key is None else (one.key, proposal.epochs)
            item = _Item(self.proposed, one.outcomes, proposal.epochs, key, None)
            self._ahead.append(item)
            if key is None or key in self._values:
                self.idle, at_once = self.idle + 1, at_once + 1
                continue
            self.idle = 0
            self._values[key] = ((float("inf"),) * self.scorer.objectives, "unmet")  # until it is observed
            self.started += 1
            item.number = self.started
            item.memory = None if self.memory is None else self.memory.state()
            self._open += 1
            self._start(item)

    def _start(self, item: _Item) -> None:
        assert item.number is not None
        task = Task(item.number, item.outcomes, item.epochs, item.attempt, item.memory)
        known = self._found(task)
        if known is None:
            self.engine.submit(task)
        else:
            self._results[task.number] = known

    # ------------------------------------------------------------ observations

    def _observe(self, stop: Callable[[], bool]) -> bool:
        """Passes the oldest open proposal's result to the strategy; returns False if `stop` returned True."""
        item = self._ahead[0]
        if item.number is None:
            self._ahead.popleft()
            values, state = self._unmet, "unmet"
            if item.key is not None:
                values, first = self._values[item.key]
                state = "repeated" if first == "scored" else first
            self.strategy.observe(Observation(item.outcomes, values, state, item.epochs))  # type: ignore[arg-type]
            return True
        while item.number not in self._results:
            if stop():
                return False
            found = self.engine.collect()
            for done in found:
                self._take(done)
            if not found:
                self._waited()
        self._ahead.popleft()
        self._open -= 1
        self.observed += 1
        self._settle(item, self._results.pop(item.number))
        return not stop() or self._is_done

    @property
    def _is_done(self) -> bool:
        return self.started >= self.trials and not self._ahead

    @property
    def _unmet(self) -> tuple[float, ...]:
        return (float("inf"),) * self.scorer.objectives

    def _take(self, done: Done) -> None:
        """Keeps a result until it is observed; a network whose worker was lost is evaluated again."""
        item = next((one for one in self._ahead if one.number == done.number), None)
        if item is None or done.number in self._results:
            return
        if done.failure is not None and done.failure.kind == "lost" and item.attempt < ATTEMPTS:
            item.attempt += 1
            self.engine.submit(Task(done.number, item.outcomes, item.epochs, item.attempt, item.memory))
            return
        self._results[done.number] = done
        if item is not self._ahead[0]:
            self._arrived(done)

    def _settle(self, item: _Item, done: Done) -> None:
        assert item.number is not None
        values, state = self.scorer.score(item.outcomes, done)
        self._values[item.key] = values, state
        if self.memory is not None:
            self.memory.observe(done.scores)
        self._observed(
            Trial(item.number, item.proposal, item.outcomes, item.epochs, item.key[0], done, values, state)
        )
        self.strategy.observe(Observation(item.outcomes, values, state, item.epochs))
        self._settled()

    # ------------------------------------------------------------ snapshots

    def state(self) -> dict[str, Any] | None:
        """The state of the loop without observed trials; None if the strategy has no snapshots."""
        if not isinstance(self.strategy, Snapshot):
            return None
        ahead = [
            [one.proposal, list(one.outcomes), one.epochs, one.key is not None, one.number, one.memory]
            for one in self._ahead
        ]
        memory = None if self.memory is None else self.memory.state()
        return {
            "memory": memory, "proposed": self.proposed, "started": self.started, "observed": self.observed,
            "idle": self.idle, "ahead": ahead, "strategy": self.strategy.state(),
        }  # fmt: skip

    def restore(
        self, state: Mapping[str, Any], known: Mapping[Any, tuple[tuple[float, ...], Standing]]
    ) -> None:
        """Restores a state; networks that were being evaluated are evaluated again.

        `known` maps (key, epochs) of the networks of observed trials to their values and states.
        """
        assert isinstance(self.strategy, Snapshot)
        self.strategy.restore(state["strategy"])
        self._values = dict(known)
        self.proposed, self.started = int(state["proposed"]), int(state["started"])
        self.observed, self.idle = int(state["observed"]), int(state["idle"])
        if self.memory is not None:
            self.memory.restore(state["memory"])
        for proposal, outcomes, epochs, met, number, memory in state["ahead"]:
            one = self.scorer.identify(Proposal(tuple(outcomes), epochs))
            key = (one.key, epochs) if met else None
            item = _Item(proposal, tuple(outcomes), epochs, key, number, memory=memory)
            self._ahead.append(item)
            if number is not None:
                self._values[key] = self._unmet, "unmet"
                self._open += 1
                self._start(item)
