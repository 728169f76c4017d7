"""Proposals, evaluations and observations: their order, what is evaluated once, and how a loop goes on."""

from __future__ import annotations

import json
import random
from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from archdsl.search.engines.base import Done, Failure, Task
from archdsl.search.engines.in_process import InProcess
from archdsl.search.strategies.base import Observation, Proposal
from archdsl.search.trials.loop import ATTEMPTS, Identified, Loop, Trial

SIZES = (3, 4, 2)


class Judge:
    """Values by a formula: 2 first misses a requirement, the last decision makes no difference."""

    objectives = 1

    def identify(self, proposal):
        outcomes = (*proposal.outcomes[:2], 0)
        return Identified(outcomes, None if outcomes[0] == 2 else outcomes)

    def score(self, outcomes, done):
        if done.failure is not None:
            return (float("inf"),), "failed"
        return (done.scores["value"],), "scored"


class Learner:
    """Proposes near the best it has seen; the whole of its state is JSON."""

    def __init__(self, seed):
        self.rng, self.best, self.seen = random.Random(seed), None, []

    def propose(self):
        if self.best is None or self.rng.random() < 0.5:
            return Proposal(tuple(self.rng.randrange(size) for size in SIZES))
        n = self.rng.randrange(3)
        return (*self.best[1][:n], self.rng.randrange(SIZES[n]), *self.best[1][n + 1 :])

    def observe(self, seen: Observation):
        self.seen.append((seen.outcomes, seen.state))
        if self.best is None or seen.value < self.best[0]:
            self.best = (seen.value, seen.outcomes)

    def state(self):
        version, numbers, gauss = self.rng.getstate()
        return {"rng": [version, list(numbers), gauss], "best": self.best, "seen": self.seen}

    def restore(self, state):
        version, numbers, gauss = state["rng"]
        self.rng.setstate((version, tuple(numbers), gauss))
        best = state["best"]
        self.best = None if best is None else (best[0], tuple(best[1]))
        self.seen = [(tuple(outcomes), standing) for outcomes, standing in state["seen"]]


def value(task: Task) -> Done:
    return Done(task.number, {"value": float(task.outcomes[0] * 4 + task.outcomes[1])})


class Shuffled:
    """Hands results back in a random order, as quick and slow workers do."""

    def __init__(self, seed, evaluate=value):
        self.rng, self.open, self.evaluate = random.Random(seed), [], evaluate
        self.most = 0

    def submit(self, task):
        self.open.append(task)
        self.most = max(self.most, len(self.open))

    def collect(self):
        self.rng.shuffle(self.open)
        count = self.rng.randint(0, len(self.open))
        taken, self.open = self.open[:count], self.open[count:]
        return [self.evaluate(task) for task in taken]

    def close(self):
        pass


def looped(strategy, engine, trials=8, parallel=1, **more) -> list[Trial]:
    found: list[Trial] = []
    Loop(strategy, Judge(), engine, trials=trials, parallel=parallel, observed=found.append, **more).run()
    return found


@given(st.integers(0, 99), st.integers(1, 5), st.integers(0, 99))
def test_results_do_not_depend_on_which_evaluation_is_finished_first(seed, parallel, order):
    one, other = Learner(seed), Learner(seed)
    engine = Shuffled(order)
    assert looped(one, InProcess(value), parallel=parallel) == looped(other, engine, parallel=parallel)
    assert one.seen == other.seen
    assert engine.most <= parallel


@given(st.integers(0, 99), st.integers(1, 4))
def test_a_network_is_one_trial_and_what_misses_a_requirement_is_none(seed, parallel):
    strategy = Learner(seed)
    found = looped(strategy, InProcess(value), trials=100, parallel=parallel)
    assert len({trial.outcomes for trial in found}) == len(found) == 8  # 2 x 4 of 3 x 4 networks
    states = [state for _, state in strategy.seen]
    assert states.count("scored") == 8
    assert set(states) <= {"scored", "repeated", "unmet"}
    assert all((outcomes[0] == 2) == (state == "unmet") for outcomes, state in strategy.seen)


@given(st.integers(0, 99), st.integers(1, 4), st.integers(0, 7), st.integers(0, 9))
def test_a_loop_goes_on_from_a_snapshot_or_by_replay_as_if_it_had_not_stopped(seed, parallel, at, order):
    whole = looped(Learner(seed), InProcess(value), parallel=parallel)
    before: list[Trial] = []
    strategy = Learner(seed)
    loop = Loop(strategy, Judge(), Shuffled(order), trials=8, parallel=parallel, observed=before.append)
    loop.run(lambda: len(before) >= at)
    state = json.loads(json.dumps(loop.state()))
    known = {(one.key, one.epochs): (one.values, one.state) for one in before}
    done = {one.number: one.done for one in before}

    def found(task):
        return done.get(task.number)

    after: list[Trial] = []
    again = Loop(
        Learner(seed + 1), Judge(), InProcess(value), trials=8, parallel=parallel, observed=after.append
    )
    again.restore(state, known)
    again.run()
    assert before + after == whole
    assert looped(Learner(seed), InProcess(value), parallel=parallel, found=found) == whole


def test_a_failed_network_is_a_trial_and_is_not_tried_again():
    tasks = []

    def evaluate(task):
        tasks.append(task)
        return Done(task.number, failure=Failure("exception", "no such kernel"))

    strategy = Learner(1)
    found = looped(strategy, InProcess(evaluate), trials=100)
    assert {trial.state for trial in found} == {"failed"}
    assert len(tasks) == 8
    assert {state for _, state in strategy.seen} == {"failed", "unmet"}


def test_a_lost_worker_is_the_machines_fault_twice_and_then_the_networks():
    tasks: deque[Task] = deque()

    def evaluate(task):
        tasks.append(task)
        lost = task.number == 2 or (task.number == 3 and task.attempt < 3)
        return Done(task.number, failure=Failure("lost", "killed")) if lost else value(task)

    found = looped(Learner(3), InProcess(evaluate), trials=4)
    assert [trial.state for trial in found] == ["scored", "failed", "scored", "scored"]
    assert [task.number for task in tasks] == [1, *[2] * ATTEMPTS, 3, 3, 3, 4]


def test_what_arrives_before_its_turn_is_kept_at_once():
    class Backwards(Shuffled):
        def collect(self):
            taken, self.open = self.open[-1:], self.open[:-1]
            return [value(task) for task in taken]

    arrived: list[Done] = []
    found = looped(Learner(0), Backwards(0), parallel=3, arrived=arrived.append)
    assert [one.number for one in found] == list(range(1, 9))
    assert arrived
    assert 1 not in [done.number for done in arrived if done.number == found[0].number and len(arrived) == 1]
