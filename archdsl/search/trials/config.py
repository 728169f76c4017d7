"""Reads the settings of a search by trials from its clauses.

Imports few modules, since `check` uses this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from archdsl.configs.clauses import Search
from archdsl.configs.evaluators import EVALUATORS, EvaluatorKind
from archdsl.configs.setting import settings_of
from archdsl.configs.strategies import StrategyKind
from archdsl.configs.words import STRATEGIES
from archdsl.devices.formula import MEASURES
from archdsl.devices.replacing import HOWS
from archdsl.diagnostics import closest
from archdsl.search.config import SearchConfig
from archdsl.search.overrides import seconds, with_data
from archdsl.search.scores import terms_of
from archdsl.search.strategies.base import Strategy
from archdsl.search.terms import cannot, configured, plain, refused, term
from archdsl.spec.search_values import SearchSpec, SearchValue, Term, terms_in, written
from archdsl.spec.units import Quantity

_CLAUSES = ("strategy", "evaluate", "trials", "parallel", "seed", "budget", "data", "batch")
_NUMBERS = ("trials", "parallel", "seed")
_OF_DATA = ("path", "crop", "images", "resize", "batch")
TRIALS = 100
"""The default number of trials."""


def clauses_read(kind: EvaluatorKind | None) -> tuple[str, ...]:
    """The names of the clauses of a search by trials; `data` and `batch` only if its evaluator trains."""
    return _CLAUSES if kind is None or kind.trains else _CLAUSES[:-2]


@dataclass(frozen=True)
class TrialConfig:
    """Settings of a search by trials.

    `goals` has the name of the search, its space, objectives, requirements and data. Up to `parallel`
    networks are evaluated at the same time; after `budget_s` seconds, no more networks are proposed.
    """

    goals: SearchConfig
    strategy: Term
    evaluator: Term
    trials: int = TRIALS
    parallel: int = 1
    seed: int = 0
    budget_s: float | None = None

    @cached_property
    def signs(self) -> tuple[int, ...]:
        """The sign of each objective: -1 if it is maximized, 1 if it is minimized."""
        return tuple(-1 if goal.direction == "maximize" else 1 for goal in self.goals.objectives)

    @property
    def evaluator_kind(self) -> EvaluatorKind:
        return EVALUATORS[self.evaluator.name]

    @property
    def scores(self) -> tuple[str, ...]:
        """The names of the scores of the evaluator.

        For the evaluator `command`, those that its setting `scores` declares, or else those that objectives
        and requirements name.
        """
        if not self.evaluator_kind.reads_command:
            kind, goals = self.evaluator_kind, {term.name for term in terms_of(self.goals)}
            return (*kind.scores, *(score for score in kind.of_maps if score in goals))
        declared: Any = self.evaluator.settings.get("scores")
        named = (t.name for t in terms_of(self.goals) if t.name not in (*MEASURES, "log"))
        return tuple(declared or dict.fromkeys(named))

    @cached_property
    def before(self) -> tuple[SearchValue, ...]:
        """The requirements on costs alone, which can be checked before a network is evaluated."""
        return tuple(one for one in self.goals.requirements if not self._scored(one))

    @cached_property
    def after(self) -> tuple[SearchValue, ...]:
        """The requirements that name a score, which are checked after a network was evaluated."""
        return tuple(one for one in self.goals.requirements if self._scored(one))

    @property
    def by_costs(self) -> bool:
        """Whether all objectives are functions of costs, which are known without evaluating networks."""
        return not any(self._scored(goal.value) for goal in self.goals.objectives)

    def _scored(self, value: SearchValue) -> bool:
        return any(term.name not in (*MEASURES, "log") for term in terms_in(value))


def strategy_of(term: Term, domain: Any, seed: int) -> Strategy:
    """Creates the strategy that a term names, for the decisions of `domain`.

    Raises SpecError (ARCH606) if the strategy supports one objective and there are several.
    """
    kind = _able(term, domain.goals)
    made: Strategy = kind.made_by()(configured(term), domain, seed)
    return made


def _able(term: Term, goals: int) -> StrategyKind:
    """The kind of the strategy that a term names, for a number of objectives `goals`.

    Raises SpecError (ARCH606) if the strategy, or one in its settings, does not propose individual networks,
    or supports one objective and there are several.
    """
    kind = STRATEGIES[term.name]
    kinds = {n: k for n, k in STRATEGIES.items() if isinstance(k, StrategyKind) and k.run}
    if not isinstance(kind, StrategyKind):  # inside another one, where `is_by_trials` has not looked
        headline = f"`{term.name}` does not propose individual networks"
        raise cannot(headline, f"available: {', '.join(kinds)}", term.at)
    if goals > 1 and not kind.pareto:
        able = ", ".join(name for name, one in kinds.items() if one.pareto)
        headline = f"`{term.name}` supports one objective, got {goals}"
        raise cannot(headline, f"strategies for several objectives: {able or 'none'}", term.at)
    for key, setting in kind.settings.items():
        inside = term.settings.get(key)
        if setting.group == "strategies" and isinstance(inside, Term):
            _able(inside, goals)
    return kind


def read_trials(
    spec: SearchSpec,
    overrides: Mapping[str, Any] | None = None,
    data: tuple[str, Mapping[str, Any]] | None = None,
) -> TrialConfig:
    """Reads the settings of a search by trials.

    `overrides`, by name, take precedence over `data` (a kind of dataset and its settings), which takes
    precedence over the spec. Raises SpecError (ARCH606) for missing or unsupported clauses, and for invalid
    values.
    """
    clauses = spec.clauses
    if spec.not_run:
        raise refused(spec)
    evaluator = term(clauses.settings.get("evaluate", Term("costs")), "evaluate")
    trains = EVALUATORS[evaluator.name].trains
    reads = clauses_read(EVALUATORS[evaluator.name])
    for name in clauses.settings:
        if name not in reads:
            place = clauses.places.get(name)
            by = (
                f"a search by trials with `evaluate = {evaluator.name}`"
                if name in _CLAUSES
                else "a search by trials"
            )
            raise cannot(f"`{name}` is not a clause of {by}", f"available: {', '.join(reads)}", place)
    if clauses.groups or clauses.communicate:
        help = "remove `architecture`, `parameters` and `communicate`"
        raise cannot("groups and `communicate` apply to differentiable searches only", help, spec.at)
    if not clauses.objectives:
        raise cannot(f"missing objective in search `{spec.name}`", "add an objective: minimize macs", spec.at)
    numbers = {key: plain(clauses.settings[key]) for key in _NUMBERS if key in clauses.settings}
    strategy = term(clauses.settings["strategy"], "strategy")
    _able(strategy, len(clauses.objectives))
    config = TrialConfig(_goals(spec), strategy, evaluator, **numbers)
    if isinstance(budget := clauses.settings.get("budget"), Quantity):
        config = replace(config, budget_s=budget.amount / 1000)
    if data is not None:
        config = replace(config, goals=with_data(config.goals, *data))
    config = _overridden(config, dict(overrides or {}), trains)
    _demand_scored(config)
    return config


def _goals(spec: SearchSpec) -> SearchConfig:
    clauses = spec.clauses
    source = term(clauses.settings.get("data", Term("synthetic")), "data")
    settings = {key: plain(value) for key, value in source.settings.items()}
    config = SearchConfig(
        spec.space, spec.name, clauses.objectives, source.name, settings, clauses.requirements
    )
    batch: Any = settings.get("batch", clauses.settings.get("batch", config.batch))
    return replace(config, batch=batch)


def _inside(config: TrialConfig, name: str, value: Any) -> str | None:
    """Help on overriding a setting of the evaluator or the strategy: the option with the whole clause.

    None if `name` is not such a setting.
    """
    if name in ("strategy", "evaluate") and isinstance(value, str):
        return f"--{name} '{value}'"
    clauses = (
        ("evaluate", config.evaluator, EVALUATORS[config.evaluator.name]),
        ("strategy", config.strategy, STRATEGIES[config.strategy.name]),
    )
    for option, clause, kind in clauses:
        if name in kind.settings:
            return f"--{option} '{written(replace(clause, settings={**clause.settings, name: value}))}'"
    return None


def _overridden(config: TrialConfig, given: Mapping[str, Any], trains: bool) -> TrialConfig:
    """The settings with overrides by name.

    Raises SpecError (ARCH606) for unknown names and invalid values.
    """
    known = ("trials", "parallel", "seed", "budget", *(("data", *_OF_DATA) if trains else ()))
    if unknown := [key for key in given if key not in known]:
        guess = closest(unknown[0], list(known))
        help = _inside(config, unknown[0], given[unknown[0]]) or (
            f"did you mean `{guess}`?" if guess else f"available: {', '.join(known)}"
        )
        raise cannot(f"a search by trials has no setting `{unknown[0]}`", help)
    clauses = settings_of(Search)
    for key in (*_NUMBERS, "batch"):
        if key in given and not clauses[key].accepts(given[key]):
            raise cannot(f"`{key}` must be {clauses[key].expected()}, got {given[key]}", clauses[key].doc)
    if trains:
        data = {key: given[key] for key in _OF_DATA if key in given}
        goals = with_data(config.goals, given.get("data", config.goals.data), data)
        config = replace(config, goals=replace(goals, batch=given.get("batch", goals.batch)))
    if "budget" in given:
        config = replace(config, budget_s=seconds(given["budget"]))
    return replace(config, **{key: given[key] for key in _NUMBERS if key in given})


def _demand_scored(config: TrialConfig) -> None:
    """Raises SpecError (ARCH606) for a term of an objective or requirement that the evaluator lacks."""
    scores = config.scores
    known = (*sorted(MEASURES), *scores)
    for one in terms_of(config.goals):
        if one.name in MEASURES and (unread := [key for key in (*HOWS, "mode") if key in one.settings]):
            headline = f"`{unread[0]}` of `{one.name}` is read by differentiable searches only"
            raise cannot(headline, "remove it: the networks of trials have no probabilities", one.at)
        if one.name not in (*known, "log"):
            headline = f"`{one.name}` is not a score of the evaluator `{config.evaluator.name}`"
            able = [name for name, kind in EVALUATORS.items() if one.name in kind.scores and kind.run]
            by = f"evaluate = {able[0]}; " if able else ""
            raise cannot(headline, f"{by}`{config.evaluator.name}` supports {', '.join(known)}", one.at)
        if one.name in scores and one.settings and not config.evaluator_kind.reads(one.name):
            key = next(iter(one.settings))
            headline = f"the evaluator `{config.evaluator.name}` does not support `{key}` of `{one.name}`"
            raise cannot(headline, "remove it", one.places.get(key, one.at))
