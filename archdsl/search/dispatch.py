"""Runs a search by its kind: by trials, or differentiable.

Each kind is imported when it runs, as a search by trials needs torch only if its evaluator does.
"""

from __future__ import annotations

from collections.abc import Callable

from archdsl.program import Program
from archdsl.runs.reporter import Reporter
from archdsl.search.options import SearchOptions
from archdsl.search.progress import Report
from archdsl.search.result import Result
from archdsl.search.terms import is_by_trials


def by_trials(program: Program, options: SearchOptions) -> bool:
    """Whether a search evaluates individual networks (by trials), rather than by gradients.  Raises
    SpecError.
    """
    return is_by_trials(options.split(program).spec)


def run(
    program: Program,
    options: SearchOptions | None = None,
    *,
    reporter: Reporter | None = None,
    report: Report = lambda now: None,
    stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Runs a search and returns the network found.

    The run folder receives best.arch and report.html; of a differentiable search, also the inherited weights
    as best.safetensors. `report` is called with every step.

    Raises SpecError, and Interrupted where `stop` returned True.
    """
    options = options or SearchOptions()
    if by_trials(program, options):
        from archdsl.search.trials import run as trials

        return trials.run(program, options, reporter=reporter, report=report, stop=stop)
    from archdsl.search.run import finish, prepared

    with prepared(program, options, reporter or Reporter()) as search:
        return finish(search, report, stop)
