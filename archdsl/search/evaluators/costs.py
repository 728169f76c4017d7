"""The evaluator of searches whose objectives are costs only."""

from __future__ import annotations

from typing import Any

from archdsl.search.evaluators.base import Candidate, EvaluatorContext, Scores


class CostsEvaluator:
    """An evaluator without scores; the search computes the costs of every network itself."""

    def __init__(self, config: Any, context: EvaluatorContext):
        self.proved = context.proved

    def score(self, candidate: Candidate) -> Scores:
        """Returns no scores. Raises SpecError for an ill-typed network, whose costs are undefined."""
        if not self.proved:
            candidate.network  # noqa: B018 - binding raises
        return {}
