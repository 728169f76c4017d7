"""Makes Python objects of the caller available as strategy, evaluator or objectives of a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Union

from archdsl.configs.evaluators import EVALUATORS, EvaluatorKind
from archdsl.configs.objectives import NoSettings
from archdsl.configs.strategies import StrategyKind
from archdsl.configs.word import Word
from archdsl.configs.words import OBJECTIVES, STRATEGIES, WORDS
from archdsl.search.evaluators.base import Candidate, Evaluator, Scores
from archdsl.search.rewriting import Rewritten
from archdsl.search.strategies.base import Strategy
from archdsl.search.trials.domain import Domain

STRATEGY, EVALUATOR, OBJECTIVE = "own_strategy", "own_evaluator", "own_objective"
"""The names by which the spec of the run refers to the objects."""

MakesStrategy = Callable[[Domain, int], Strategy]
"""A function of the decisions and the seed that returns a strategy, such as the class of the strategy."""
Scorer = Union[Evaluator, Callable[[Candidate], Scores]]
"""An evaluator, or a function from a candidate to its scores."""
Objective = Union[str, Callable[[Candidate, Scores], float]]
"""An objective: the text of a clause, or a function of a candidate and its scores that returns a number."""


@contextmanager
def named(
    strategy: str | MakesStrategy | None,
    evaluate: str | Scorer | None,
    objectives: Sequence[tuple[str, Objective]],
    requirements: Sequence[str],
    scores: Sequence[str],
) -> Iterator[Rewritten]:
    """A context manager in which objects of the caller are words of the language; yields clauses with these
    words.

    `objectives` are pairs of "minimize" or "maximize" and an objective; `scores` are the names of the scores
    of an evaluator object. Raises TypeError for objects of other types.
    """
    own = [(direction, one) for direction, one in objectives if callable(one)]
    names = [OBJECTIVE if len(own) == 1 else f"{OBJECTIVE}_{n}" for n in range(1, len(own) + 1)]
    called = dict(zip([id(one) for _, one in own], names, strict=True))
    texts = tuple((d, one if isinstance(one, str) else called[id(one)]) for d, one in objectives)
    added: list[tuple[dict[str, Any], str]] = []

    def add(words: Any, name: str, word: Word) -> None:
        words[name] = word
        added.append((words, name))

    try:
        if callable(strategy):
            add(STRATEGIES, STRATEGY, _strategy(strategy))
            strategy = STRATEGY
        elif not isinstance(strategy, str | None):
            raise TypeError(
                f"strategy must be a string or a function that returns one, got {type(strategy).__name__}"
            )
        if own or not isinstance(evaluate, str | None):
            if isinstance(evaluate, str):
                raise TypeError("objectives that are functions require evaluate=FUNCTION")
            functions = dict(zip(names, [one for _, one in own], strict=True))
            add(EVALUATORS, EVALUATOR, _evaluator(evaluate, functions, scores))
            evaluate = EVALUATOR
            for score in {*scores, *names} - {*WORDS}:
                add(OBJECTIVES, score, Word("a score of an evaluator passed from Python", NoSettings))
        yield Rewritten(strategy, evaluate, texts, tuple(requirements))
    finally:
        for words, name in added:
            words.pop(name, None)


def _strategy(make: MakesStrategy) -> StrategyKind:
    pareto = bool(getattr(make, "pareto", True))
    return StrategyKind(
        "a strategy passed from Python",
        NoSettings,
        make=lambda config, domain, seed: make(domain, seed),
        pareto=pareto,
    )


def _evaluator(of: Any, objectives: Mapping[str, Any], scores: Sequence[str]) -> EvaluatorKind:
    score = getattr(of, "score", of)
    if of is not None and not callable(score):
        raise TypeError(f"evaluate must be a string, an evaluator or a function, got {type(of).__name__}")
    made = _Own(score, objectives)
    names = (*scores, *objectives)
    return EvaluatorKind(
        "an evaluator passed from Python", NoSettings, make=lambda config, context: made, scores=names,
        trains=bool(getattr(of, "trains", False)),
    )  # fmt: skip


@dataclass(frozen=True)
class _Own:
    """An evaluator that calls functions of the caller: `of` for scores, and `objectives` on these scores."""

    of: Callable[[Candidate], Scores] | None
    objectives: Mapping[str, Callable[[Candidate, Scores], float]]

    def score(self, candidate: Candidate) -> Scores:
        scores = dict(self.of(candidate)) if self.of is not None else {}
        return {**scores, **{name: float(of(candidate, scores)) for name, of in self.objectives.items()}}
