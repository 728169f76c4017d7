"""Hill climbing from a network that is known, as `refine` does: which networks it proposes, in what order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archdsl.configs.strategies import HillClimb as Config
from archdsl.search.engines.base import Done, Task
from archdsl.search.engines.in_process import InProcess
from archdsl.search.strategies.base import Outcomes, Proposal, Standing
from archdsl.search.strategies.hill_climb import HillClimb
from archdsl.search.trials.domain import Domain
from archdsl.search.trials.loop import Identified, Loop, Trial

CHANCES = [[0.6, 0.3, 0.1], [0.2, 0.8], [0.5, 0.1, 0.4]]


class Judge:
    objectives = 1

    def __init__(self, key):
        self.key = key

    def identify(self, proposal: Proposal) -> Identified:
        return Identified(proposal.outcomes, self.key(proposal.outcomes))

    def score(self, outcomes: Outcomes, done: Done) -> tuple[tuple[float, ...], Standing]:
        return (done.scores["value"],), "scored"


def climbed(most: int, score, key=lambda outcomes: outcomes) -> list[Trial]:
    def evaluate(task: Task) -> Done:
        return Done(task.number, {"value": score(task.outcomes)})

    found: list[Trial] = []
    strategy = HillClimb(Config(restart=False), Domain.of_sizes([3, 2, 3]), 0, (0, 1, 0), CHANCES)
    Loop(strategy, Judge(key), InProcess(evaluate), trials=most, observed=found.append).run()
    return found


def trials(most: int, score=lambda outcomes: 0.0, identify=lambda outcomes: outcomes) -> list[Outcomes]:
    return [trial.outcomes for trial in climbed(most, score, identify)]


def test_the_likeliest_neighbours_come_first():
    assert trials(4) == [(0, 1, 0), (0, 1, 2), (1, 1, 0), (0, 0, 0)]


def test_neighbours_of_a_better_network_come_next():
    assert trials(4, score=lambda o: -o[2]) == [(0, 1, 0), (0, 1, 2), (1, 1, 2), (0, 0, 2)]


def test_outcomes_that_make_one_network_are_one_trial():
    assert trials(3, identify=lambda o: o[:2]) == [(0, 1, 0), (1, 1, 0), (0, 0, 0)]


def test_networks_that_miss_a_requirement_are_no_trials():
    assert trials(3, identify=lambda o: None if o[2] == 2 else o) == [(0, 1, 0), (1, 1, 0), (0, 0, 0)]


def test_it_ends_where_no_neighbour_is_left():
    assert len(trials(100)) == 1 + 2 + 1 + 2


@given(st.lists(st.floats(-9, 9), min_size=18, max_size=18), st.integers(1, 30), st.integers(0, 30))
def test_the_best_trial_has_the_lowest_objective_and_replay_makes_the_same_trials(scores, most, before):
    values = dict(zip(((a, b, c) for a in range(3) for b in range(2) for c in range(3)), scores, strict=True))
    evaluated: list[Outcomes] = []

    def run(count: int, recorded: dict[Outcomes, float]) -> list[Trial]:
        def evaluate(outcomes: Outcomes) -> float:
            if outcomes not in recorded:
                evaluated.append(outcomes)
                recorded[outcomes] = values[outcomes]
            return recorded[outcomes]

        return climbed(count, evaluate)

    recorded: dict[Outcomes, float] = {}
    run(min(before, most), recorded)
    found = run(most, recorded)
    assert min(found, key=lambda trial: trial.value).value == min(values[o] for o in evaluated)
    assert len(found) <= most
    assert evaluated == [trial.outcomes for trial in found]
