"""What a search by trials is to do, read from its clauses; imports nothing heavy, as `check` reads it too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from archdsl.configs.evaluators import EVALUATORS
from archdsl.configs.strategies import StrategyKind
from archdsl.configs.words import STRATEGIES
from archdsl.devices.formula import MEASURES
from archdsl.search.config import SearchConfig
from archdsl.search.scores import terms_of
from archdsl.search.terms import cannot, refused, term
from archdsl.spec.search_values import SearchSpec, SearchValue, Term

_CLAUSES = ("strategy", "evaluate", "trials", "seed")
TRIALS = 100
"""Networks that are scored, where a search does not say."""


@dataclass(frozen=True)
class TrialConfig:
    """What a search by trials is to do; `goals` has its space, its name, its objective and requirements."""

    goals: SearchConfig
    strategy: Term
    evaluator: Term
    trials: int
    seed: int

    @property
    def objective(self) -> SearchValue:
        """What is minimised."""
        return self.goals.objectives[0].value

    @property
    def sign(self) -> int:
        """-1 where the objective is maximised."""
        return -1 if self.goals.objectives[0].direction == "maximize" else 1


def is_by_trials(spec: SearchSpec) -> bool:
    """Whether the strategy of a search proposes networks one after the other."""
    strategy = spec.clauses.settings.get("strategy")
    return isinstance(strategy, Term) and isinstance(STRATEGIES.get(strategy.name), StrategyKind)


def read_trials(spec: SearchSpec, overrides: Mapping[str, Any] | None = None) -> TrialConfig:
    """The settings of a search by trials; `overrides` come from outside, by name.

    Raises SpecError (ARCH606) for what is missing, or is not read by such a search.
    """
    clauses = spec.clauses
    if spec.not_run:
        raise refused(spec)
    for name in clauses.settings:
        if name not in _CLAUSES:
            place = clauses.places.get(name)
            raise cannot(
                f"`{name}` is not read by a search by trials", f"it reads {', '.join(_CLAUSES)}", place
            )
    if clauses.groups or clauses.communicate:
        help = "remove `architecture`, `parameters` and `communicate`"
        raise cannot("groups and `communicate` apply to differentiable searches only", help, spec.at)
    if len(clauses.objectives) != 1:
        headline = f"search `{spec.name}` has {len(clauses.objectives) or 'no'} objectives"
        raise cannot(headline, "a search by trials has one: minimize macs", spec.at)
    given = dict(overrides or {})
    trials = given.pop("trials", clauses.settings.get("trials", TRIALS))
    if given:
        raise cannot(f"a search by trials has no setting `{min(given)}`", "the only one is `trials`")
    if type(trials) is not int or trials < 1:
        raise cannot(f"`trials` cannot be {trials}", "a whole number of at least 1")
    seed: Any = clauses.settings.get("seed", 0)
    evaluator = term(clauses.settings.get("evaluate", Term("costs")), "evaluate")
    goals = SearchConfig(spec.space, spec.name, clauses.objectives, "", {}, clauses.requirements)
    _demand_scored(goals, evaluator)
    return TrialConfig(goals, term(clauses.settings["strategy"], "strategy"), evaluator, trials, seed)


def _demand_scored(goals: SearchConfig, evaluator: Term) -> None:
    """Raises SpecError (ARCH606) where a goal names what the evaluator does not score."""
    scores = EVALUATORS[evaluator.name].scores
    limits = terms_of(replace(goals, objectives=()))
    for one in terms_of(goals):
        known = (*sorted(MEASURES), *(scores if one not in limits else ()))
        if one.name not in (*known, "log"):
            headline = f"`{one.name}` is not a score of the evaluator `{evaluator.name}`"
            help = f"there are {', '.join(known)}; requirements are over costs"
            raise cannot(headline, help, one.at)
