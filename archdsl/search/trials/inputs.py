"""The inputs of a search by trials: settings, space and data, and the evaluation of networks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from archdsl.data.dataset import Splits
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.program import Program, Space
from archdsl.runs.reporter import Reporter
from archdsl.search.evaluators.base import EvaluatorContext
from archdsl.search.options import SearchOptions, SplitSettings
from archdsl.search.proving import proved
from archdsl.search.pruning import pruned
from archdsl.search.terms import cannot, nothing_to_search
from archdsl.search.trials.config import TrialConfig, read_trials
from archdsl.search.trials.evaluation import Evaluation

_UNREAD = ("amp", "checkpoint", "channels_last", "baseline")
"""The options that only differentiable searches support."""
_OF_TRAINING = ("data", "splits", "device")
"""The options that only evaluators that train support."""


@dataclass(frozen=True)
class Inputs:
    """The settings of a search, the space, the seed, and the data if networks are trained."""

    config: TrialConfig
    space: Space
    seed: int
    splits: Splits | None
    base: Path = field(default_factory=Path)
    """The folder of the spec, to which paths in settings are relative."""
    proved: bool = True
    """Whether all networks of the space are proved to be well-typed."""

    def evaluation(
        self, options: SearchOptions, folder: Path | None, stop: Callable[[], bool], worker: str = ""
    ) -> Evaluation:
        """Creates the evaluation of networks. Raises SpecError if the evaluator cannot be created.

        `folder` is the run folder; `stop` returns True when evaluations should be aborted.
        """
        context = EvaluatorContext(
            self.space, self.config.goals, self.seed, self._data, self.config.goals.batch, folder,
            options.evaluator_command, options.device, stop, self.base, self.proved,
        )  # fmt: skip
        found = Evaluation(self.config.evaluator, context, worker=worker)
        found.evaluator  # noqa: B018 - what cannot be made ends the search before it begins
        return found

    def _data(self) -> Splits:
        if self.splits is None:
            at = self.config.evaluator.at
            headline = f"the evaluator `{self.config.evaluator.name}` does not use data"
            raise cannot(headline, "set `trains = True` in its EvaluatorKind", at)
        return self.splits


def config_of(given: SplitSettings, options: SearchOptions) -> TrialConfig:
    """The settings of a search with overrides. Raises SpecError (ARCH606) for invalid ones."""
    data = (options.data.kind, options.data.settings) if options.data is not None else None
    return read_trials(given.spec, given.others, data)


def inspected_inputs(program: Program, options: SearchOptions, reporter: Reporter) -> Inputs:
    """Reads the inputs of a search, and inspects all files of its data.

    Raises SpecError as `read_inputs`, and for all errors in files of the data.
    """
    given = options.split(program)
    inputs = _read(program, options, given)
    if given.spec.warnings:
        reporter.findings(given.spec.warnings)
    if inputs.splits is not None:
        from archdsl.data.soundness import TRAINED, VALIDATED
        from archdsl.train.inspected import inspected

        inspected({TRAINED: inputs.splits.train, VALIDATED: inputs.splits.val}, reporter)
    return inputs


def read_inputs(program: Program, options: SearchOptions) -> Inputs:
    """Reads the inputs of a search; folders of its data are listed, but files are not read.

    Raises SpecError for errors in the spec, the options and the folders.
    """
    return _read(program, options, options.split(program))


def _read(program: Program, options: SearchOptions, given: SplitSettings) -> Inputs:
    config = config_of(given, options)
    unread = (*_UNREAD, *(() if config.evaluator_kind.trains else _OF_TRAINING))
    for name in unread:
        if getattr(options, name):
            by = f" with `evaluate = {config.evaluator.name}`" if name in _OF_TRAINING else ""
            raise cannot(f"`{name}` is not an option of searches by trials{by}", "remove it")
    _demand_command(config, options)
    space, splits = program.space(config.goals.space, **given.of_space), None
    if config.evaluator_kind.trains:
        from archdsl.search.inputs import open_splits, with_classes

        splits = options.splits or open_splits(config.goals, options.data, space, program)
        loss = config.evaluator.settings.get("loss")
        losses = None if loss is None else [loss]
        space = with_classes(space, splits.train, program, given.of_space, losses)
    known = proved(space, options, given.of_space)
    space = pruned(space, options.passes)
    if not space.searched.decisions:
        raise nothing_to_search(space.searched)
    seed = config.seed if options.seed is None else options.seed
    return Inputs(config, space, seed, splits, program.unit.path.parent, known)


def _demand_command(config: TrialConfig, options: SearchOptions) -> None:
    """Raises SpecError: ARCH952 if the evaluator needs a program and has none, ARCH606 if it needs none."""
    at, name = config.evaluator.at, config.evaluator.name
    reads, command = config.evaluator_kind.reads_command, options.evaluator_command
    if command is not None and not reads:
        raise cannot(f"`--command` has no effect with `evaluate = {name}`", "remove it", at)
    if reads and (not command or shutil.which(command[0]) is None):
        place = Label(at, "the program is set outside of the spec") if at else None
        help = "--command 'python score.py {}' on the command line, command=[…] in Python"
        why = f": {command[0]} is not found, or not executable" if command else ""
        raise SpecError([Diagnostic("ARCH952", f"`{name}` has no program to run{why}", place, help=help)])
