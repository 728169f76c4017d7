"""Runs a search of either kind: differentiable, or by trials, the evaluation of individual networks.

The modules of a kind are imported when it runs, since a search by trials needs torch only if its evaluator
does.
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
    """Whether a search evaluates individual networks, rather than being differentiable. Raises SpecError."""
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

    The run folder receives best.arch and report.html, and, for a differentiable search, the inherited weights
    as best.safetensors. `report` is called after each step or trial. Raises SpecError, and Interrupted if
    `stop` returned True.
    """
    options = options or SearchOptions()
    if by_trials(program, options):
        from archdsl.search.trials import run as trials

        return trials.run(program, options, reporter=reporter, report=report, stop=stop)
    from archdsl.search.run import finish, prepared

    with prepared(program, options, reporter or Reporter()) as search:
        return finish(search, report, stop)
