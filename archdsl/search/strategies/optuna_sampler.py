"""A strategy that uses the samplers of Optuna, through its ask-and-tell interface.

The study is held in memory, and the strategy has no snapshots: a search is resumed by asking again, and
telling the recorded results.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from archdsl.configs.strategies import Optuna as Config
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.search.strategies.base import Observation, Outcomes
from archdsl.search.strategies.unseen import Unseen
from archdsl.search.terms import configured
from archdsl.search.trials.domain import Domain
from archdsl.spec.search_values import Term

GROUP = "optuna_samplers"


class OptunaSampler:
    """Proposes the networks that a sampler of Optuna suggests.

    TPE suggests active decisions in sequence (define-by-run). Other samplers suggest all decisions, since
    they would sample parameters that are not in every trial at random. If a suggestion was proposed before or
    violates a requirement on costs, its Optuna trial is completed immediately, and a new network near it is
    proposed instead.
    """

    def __init__(self, config: Config, domain: Domain, seed: int):
        self.optuna = _imported()
        self.domain, self.unseen = domain, Unseen(domain, Random(seed))
        of = config.sampler or Term("tpe", group=GROUP)
        self.by_run = of.name == "tpe"
        choices = self.optuna.distributions.CategoricalDistribution
        self.suggested = {
            n: (path, choices(tuple(range(size))))
            for n, (path, size) in enumerate(zip(domain.paths, domain.sizes, strict=True))
            if size > 1
        }
        self.values: dict[Outcomes, list[float]] = {}
        self.open: deque[Any] = deque()  # trials of proposals that are not observed yet
        with self._quiet():
            sampler = _sampler(self.optuna, of, seed)
            directions = ["minimize"] * domain.goals
            self.study = self.optuna.create_study(sampler=sampler, directions=directions)

    def propose(self) -> Outcomes | None:
        with self._quiet():
            trial, outcomes = self._asked()
            if outcomes in self.unseen.known or not self.domain.allowed(outcomes):
                self._tell(trial, self.values.get(outcomes))
                found = self._instead(outcomes)
                if found is None:
                    return None
                self.study.enqueue_trial(self._parameters(found))
                trial, outcomes = self._asked()
        self.unseen.add(outcomes)
        self.open.append(trial)
        return outcomes

    def observe(self, seen: Observation) -> None:
        values = list(seen.values) if all(map(math.isfinite, seen.values)) else None
        self.unseen.add(seen.outcomes)
        if values is not None:
            self.values[seen.outcomes] = values
        with self._quiet():
            if self.open:
                self._tell(self.open.popleft(), values)
            elif values is not None:  # of a network that the search is started with
                given = self._parameters(seen.outcomes)
                known = {path: choices for path, choices in self.suggested.values() if path in given}
                make = self.optuna.trial.create_trial
                self.study.add_trial(make(params=given, distributions=known, values=values))

    def _asked(self) -> tuple[Any, Outcomes]:
        """A new trial of Optuna, suggested by the sampler or enqueued, and its network."""
        trial = self.study.ask()
        outcomes = [0] * len(self.domain.sizes)
        ahead = dict(self.suggested)
        while ahead:
            active = self.domain.active(tuple(outcomes)) if self.by_run else None
            n = next((n for n in ahead if active is None or active[n]), None)
            if n is None:
                break
            path, choices = ahead.pop(n)
            outcomes[n] = trial.suggest_categorical(path, choices.choices)
        return trial, self.domain.canonical(tuple(outcomes))

    def _instead(self, outcomes: Outcomes) -> Outcomes | None:
        allowed = self.domain.allowed(outcomes)
        start = outcomes if allowed else self.domain.mutated(outcomes, self.unseen.rng)
        return self.unseen.sample() if start is None else self.unseen.near(start)

    def _parameters(self, outcomes: Outcomes) -> dict[str, int]:
        active = self.domain.active(outcomes)
        return {path: outcomes[n] for n, (path, _) in self.suggested.items() if active[n] or not self.by_run}

    def _tell(self, trial: Any, values: list[float] | None) -> None:
        state = self.optuna.trial.TrialState
        self.study.tell(trial, values, state=state.FAIL if values is None else state.COMPLETE)

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """A context manager that suppresses Optuna's messages on new studies and experimental arguments."""
        logging = self.optuna.logging
        before = logging.get_verbosity()
        logging.set_verbosity(logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        finally:
            logging.set_verbosity(before)


def _sampler(optuna: Any, of: Any, seed: int) -> Any:
    """Creates the sampler that a term names; seeds are reduced to 32 bits, as Optuna requires."""
    config, samplers, seed = configured(of), optuna.samplers, seed % 2**32
    match of.name:
        case "tpe":
            return samplers.TPESampler(
                seed=seed, n_startup_trials=config.startup, n_ei_candidates=config.candidates,
                multivariate=config.multivariate, group=config.multivariate, constant_liar=True,
            )  # fmt: skip
        case "gp":
            return samplers.GPSampler(seed=seed, n_startup_trials=config.startup)
        case "nsga2" | "nsga3":
            made = samplers.NSGAIISampler if of.name == "nsga2" else samplers.NSGAIIISampler
            return made(
                seed=seed, population_size=config.population, crossover_prob=config.crossover,
                mutation_prob=config.mutation or None,
            )  # fmt: skip
        case "qmc":
            return samplers.QMCSampler(seed=seed, scramble=True)
    return samplers.RandomSampler(seed=seed)


def _imported() -> Any:
    """Imports `optuna`. Raises SpecError (ARCH835) if it is not installed."""
    try:
        import optuna
    except ImportError as error:
        headline = "the strategy `optuna` needs the package optuna, which is not installed"
        help = "install the extra: pip install 'archdsl[optuna]'"
        raise SpecError([Diagnostic("ARCH835", headline, help=help)]) from error
    return optuna
