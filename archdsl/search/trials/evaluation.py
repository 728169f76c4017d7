"""Evaluates the network of a trial to scores or a failure; used by workers and by the search itself."""

from __future__ import annotations

import math
import sys
import time
import traceback
from collections.abc import Mapping
from functools import cached_property

from archdsl.configs.evaluators import EVALUATORS
from archdsl.diagnostics import SpecError
from archdsl.search.engines.base import Done, Failure, Kind, Task
from archdsl.search.evaluators.base import Candidate, Evaluator, EvaluatorContext, Failed, Scores, Stopped
from archdsl.search.terms import configured
from archdsl.spec.search_values import Term

_KINDS: Mapping[str, Kind] = {"ARCH915": "nan", "ARCH916": "memory"}
"""Diagnostic codes that are failures of kinds other than "exception"."""


class Evaluation:
    """Evaluates the networks of a search; errors of the evaluator become failures of the network.

    `of` names the evaluator; `own`, if set, is an evaluator object used instead. `worker` is the name of this
    worker.
    """

    def __init__(self, of: Term, context: EvaluatorContext, own: Evaluator | None = None, worker: str = ""):
        self.of, self.context, self.own, self.worker = of, context, own, worker
        self.paths = tuple(context.space.searched.decisions)

    @cached_property
    def evaluator(self) -> Evaluator:
        """The evaluator, created on first access. Raises SpecError if it cannot be created."""
        if self.own is not None:
            return self.own
        made: Evaluator = EVALUATORS[self.of.name].made_by()(configured(self.of), self.context)
        return made

    def done(self, task: Task) -> Done:
        """Evaluates the network of a task. Raises Stopped if the search stops before the scores are known."""
        began = time.monotonic()
        candidate = Candidate(
            task.number,
            dict(zip(self.paths, task.outcomes, strict=True)),
            self.context.space,
            task.epochs,
            task.memory,
        )
        scores, failure = self._scores(candidate)
        return Done(task.number, scores, failure, time.monotonic() - began, self.worker)

    def _scores(self, candidate: Candidate) -> tuple[Mapping[str, float], Failure | None]:
        evaluator = self.evaluator
        try:
            found: Scores = evaluator.score(candidate)
            scores = {str(name): float(score) for name, score in found.items()}
        except Stopped:
            raise
        except Failed as error:
            return {}, Failure(error.kind, error.reason, error.detail)
        except SpecError as error:
            first = error.diagnostics[0]
            kind = _KINDS.get(first.code, "exception")
            return {}, Failure(kind, f"{first.code}: {first.headline}", first.help or "")
        except Exception as error:
            kind, reason = ("memory", "out of memory") if _no_memory(error) else ("exception", _line(error))
            return {}, Failure(kind, reason, traceback.format_exc())
        known = EVALUATORS[self.of.name]
        wanted = () if self.own is not None or known.of_maps else known.scores
        if lacking := [name for name in wanted if name not in scores]:
            return {}, Failure("output", f"no score {', '.join(lacking)}")
        if bad := [name for name, score in scores.items() if not math.isfinite(score)]:
            return {}, Failure("nan", f"not a finite number: {', '.join(bad)}")
        return scores, None


def _line(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0][:200]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _no_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    if "torch" not in sys.modules:  # nothing of it can have failed
        return False
    from archdsl.runs.faults import is_out_of_memory

    return is_out_of_memory(error)
