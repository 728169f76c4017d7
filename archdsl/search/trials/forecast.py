"""A forecast of a search by trials: costs of random networks, and the duration of a trial."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import fmean

from archdsl.devices.objective import Costs
from archdsl.program import Program
from archdsl.runs.reporter import Reporter
from archdsl.search.engines.base import Task
from archdsl.search.evaluators.base import Prepared, Stopped
from archdsl.search.latency_tables import gather
from archdsl.search.options import SearchOptions
from archdsl.search.strategies.base import Outcomes
from archdsl.search.terms import configured
from archdsl.search.trials.config import TrialConfig, strategy_of
from archdsl.search.trials.criteria import Criteria
from archdsl.search.trials.evaluation import Evaluation
from archdsl.search.trials.inputs import Inputs, inspected_inputs
from archdsl.search.trials.warm_start import first_outcomes

SAMPLED = 20
"""The number of random networks whose costs are shown."""
LIMIT_S = 120.0
"""The time limit for measuring evaluations, in seconds."""


@dataclass(frozen=True)
class Forecast:
    """A forecast: seconds per trial, and costs of random networks by name, in ascending order.

    `how` describes what was measured. `at_least` is True if the measurement was aborted, so that `trial_s` is
    a lower bound; `failed` is the reason if a network could not be evaluated.
    """

    config: TrialConfig
    decisions: int
    costs: Mapping[str, Sequence[float]]
    trial_s: float
    how: str
    at_least: bool = False
    failed: str | None = None

    @property
    def total_s(self) -> float:
        """The duration of all trials in seconds, if they run sequentially."""
        return self.trial_s * self.config.trials


def forecast(
    program: Program, options: SearchOptions, reporter: Reporter | None = None, limit_s: float = LIMIT_S,
    inputs: Inputs | None = None,
) -> Forecast:  # fmt: skip
    """Samples networks of a search, and evaluates one or two of them in a temporary folder, for timing.

    With an evaluator that trains for several epochs, one network is trained for one and for two epochs.
    Measuring takes at most `limit_s` seconds; nothing is measured for an evaluator that first trains a
    supernet. `inputs` are the result of `inspected_inputs`, if it was called already. Raises SpecError for
    errors that would end the search before its first trial.
    """
    reporter = reporter or Reporter()
    inputs = inputs or inspected_inputs(program, options, reporter)
    config, space = inputs.config, inputs.space
    with tempfile.TemporaryDirectory(prefix="archdsl-") as name:
        folder, base = Path(name), program.unit.path.parent
        tables = gather(config.goals, space, options.tables, base, folder / "latency.json", False, reporter)
        criteria = Criteria(config, space, Costs(space, tables.own, tables.stands))
        domain = criteria.domain
        strategy_of(config.strategy, domain, inputs.seed)
        first_outcomes(options.start, domain, space)
        rng = Random(inputs.seed)
        sampled = [one for _ in range(SAMPLED) if (one := domain.sample(rng)) is not None]
        costs = [criteria.costs_of(one) for one in sampled]
        sorted_costs = {name: sorted(one[name] for one in costs) for name in (costs[0] if costs else ())}
        middle = sorted(sampled, key=lambda one: criteria.costs_of(one)["macs"])[len(sampled) // 2 :][:2]
        deadline = time.monotonic() + limit_s
        evaluation = inputs.evaluation(options, folder, lambda: time.monotonic() > deadline)
        measured = _measured(evaluation, middle, _epochs(config), limit_s)
    return Forecast(config, len(domain.sizes), sorted_costs, *measured)


def _epochs(config: TrialConfig) -> int:
    """The setting `epochs` of an evaluator that trains; 0 for other evaluators."""
    found = getattr(configured(config.evaluator), "epochs", 0)
    return found if config.evaluator_kind.trains and type(found) is int else 0


def _measured(
    evaluation: Evaluation, networks: Sequence[Outcomes], epochs: int, limit_s: float
) -> tuple[float, str, bool, str | None]:
    """The seconds of a trial; a text on what was measured; whether the seconds are a lower bound; and, if a
    network could not be evaluated, the reason, else None.
    """
    if isinstance(evaluation.evaluator, Prepared):
        return 0.0, "nothing, as a supernet is trained first", True, None
    if not networks:
        return 0.0, "no random network satisfies the requirements", True, None
    plan = [(networks[0], 1), (networks[0], 2)] if epochs > 2 else [(one, None) for one in networks]
    times: list[float] = []
    begin = time.monotonic()
    for n, (outcomes, some) in enumerate(plan, start=1):
        try:
            done = evaluation.done(Task(n, outcomes, some))
        except Stopped:
            seconds = time.monotonic() - begin - sum(times)
            what = f"{some} of its {epochs} epochs" if some else "the evaluation of one network"
            return max([seconds, *times]), f"{what} takes longer than {limit_s:.0f} s", True, None
        if done.failure is not None:
            return done.seconds, "one network, which failed", True, done.failure.reason
        times.append(done.seconds)
    if epochs > 2:
        one, two = times
        each = max(two - one, 0.0) or two / 2
        return two + (epochs - 2) * each, f"one network for 1 and 2 of {epochs} epochs", False, None
    return fmean(times), f"{len(times)} networks" if len(times) > 1 else "one network", False, None
