"""Creates the evaluation of networks in a worker process, from the run folder of a search by trials."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archdsl import plugins
from archdsl.data.source import DataSource
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.program import Program, load
from archdsl.runs.manifest import Manifest, differences, read_manifest, refuse_differences
from archdsl.search.engines.base import Done, Task
from archdsl.search.engines.worker_setup import WorkerSetup, name_here
from archdsl.search.folder import SearchFolder
from archdsl.search.options import FREE, SearchOptions, resumed_options
from archdsl.search.own import EVALUATOR, STRATEGY, named
from archdsl.search.trials.inputs import Inputs, read_inputs
from archdsl.search.trials.origin import origin


def worker_evaluator(setup: WorkerSetup, stop: Callable[[], bool] = lambda: False) -> Callable[[Task], Done]:
    """A function that evaluates networks of a run; evaluations are aborted when `stop` returns True.

    Raises SpecError: ARCH911 if there is no search in the run folder, ARCH912 if the space, data or settings
    differ from those recorded, and errors in loading plug-ins or creating the evaluator.
    """
    for name in setup.plugins:
        plugins.use(name)
    run = setup.run
    before = read_manifest(SearchFolder(run).manifest, "search")
    given = SearchOptions(
        data=setup.data, device=setup.device, folder=run, resume=True, evaluator_command=setup.command
    )
    options = resumed_options(given, before, ())
    with named(_own_strategy(before), None, (), (), ()):
        program = load(_spec(run, before.spec))
        inputs = read_inputs(program, options)
        now = origin(program, inputs, options, before.settings.get("latency table sha256"))
        refuse_differences(run, differences(before, now, FREE))
    evaluation = inputs.evaluation(options, run, stop, name_here())
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(setup.threads)
    return evaluation.done


def worker_setup(
    program: Program, inputs: Inputs, options: SearchOptions, folder: SearchFolder
) -> WorkerSetup:
    """The setup that workers of a search need.

    Raises SpecError (ARCH958) if the search uses Python objects that cannot be passed to workers.
    """
    if options.engine.name != "process":
        if options.splits is not None:
            raise _not_handed("a dataset passed as a Python object", 'pass a name: data="camvid:PATH"')
        if inputs.config.evaluator.name == EVALUATOR:
            raise _not_handed("an evaluator passed as a Python object", "make it a plug-in")
    return WorkerSetup(
        Path(os.path.abspath(folder.path)), options.evaluator_command, options.device,
        tuple(plugins.used()), options.engine.threads or 1, _placed(program, inputs),
    )  # fmt: skip


def _placed(program: Program, inputs: Inputs) -> DataSource | None:
    """The dataset with an absolute path, as workers read a spec copy elsewhere; None without a path."""
    path = inputs.config.goals.data_settings.get("path")
    if inputs.splits is None or not isinstance(path, str):
        return None
    whole = os.path.abspath(program.unit.path.parent / os.path.expanduser(path))
    return DataSource(inputs.config.goals.data, {"path": whole}, inputs.config.goals.data)


def _own_strategy(before: Manifest) -> Any:
    """A placeholder for a strategy of the calling program, which workers do not need."""
    strategy = before.settings.get("strategy")
    is_own = isinstance(strategy, dict) and strategy.get("name") == STRATEGY
    return (lambda domain, seed: None) if is_own else None


def _spec(run: Path, text: str) -> Path:
    """The copy of the spec in the run folder. Raises SpecError (ARCH911) if it is missing or was modified."""
    whole = text.encode("utf-8")
    for path in sorted(run.glob("*.arch")):
        if path.stat().st_size < len(whole) + 4 and path.read_bytes().removeprefix(b"\xef\xbb\xbf") == whole:
            return path
    headline = f"{run} has no copy of its spec, or a modified one"
    raise SpecError([Diagnostic("ARCH911", headline, help="restore the spec that the run was started with")])


def _not_handed(what: str, help: str) -> SpecError:
    return SpecError([Diagnostic("ARCH958", f"{what} cannot be used by workers", help=help)])
