"""Runs a search by trials: a strategy proposes networks, and an engine runs the evaluator that scores them.

Networks share no state, so that any strategy can be combined with any evaluator.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from archdsl import atomic
from archdsl.devices.objective import Costs
from archdsl.diagnostics import SpecError
from archdsl.lang.loader import Unit
from archdsl.program import Program
from archdsl.registry import imported
from archdsl.report.numbers import plural
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.journal import Journal
from archdsl.runs.lines import each_record, read_records
from archdsl.runs.reporter import Reporter
from archdsl.runs.unfit import Unfit
from archdsl.search.engines.base import Done, Engine, Task
from archdsl.search.engines.making import make_engine
from archdsl.search.evaluators.base import Memory, Prepared, Stopped
from archdsl.search.folder import SearchFolder
from archdsl.search.found_text import text_of
from archdsl.search.latency_tables import gather
from archdsl.search.options import SearchOptions
from archdsl.search.progress import Report, SearchProgress
from archdsl.search.result import Result
from archdsl.search.strategies.base import Outcomes
from archdsl.search.terms import broken, cannot, configured
from archdsl.search.trials import records
from archdsl.search.trials.config import TrialConfig, strategy_of
from archdsl.search.trials.criteria import Criteria
from archdsl.search.trials.evaluation import Evaluation
from archdsl.search.trials.history import History
from archdsl.search.trials.inputs import Inputs, inspected_inputs
from archdsl.search.trials.loop import MOST_IDLE, Loop, Trial
from archdsl.search.trials.origin import origin
from archdsl.search.trials.outputs import Outputs
from archdsl.search.trials.readiness import demand_some
from archdsl.search.trials.snapshots import Snapshots
from archdsl.search.trials.warm_start import first_outcomes, warm_started
from archdsl.search.trials.worker_evaluator import worker_setup

FLUSH_S = 0.2
"""The maximum number of seconds for which records of trials are buffered before they are written."""
SNAPSHOT_S = 30.0
"""The minimum number of seconds between snapshots of the strategy."""


def run(
    program: Program,
    options: SearchOptions,
    *,
    reporter: Reporter | None = None,
    report: Report = lambda now: None,
    stop: Callable[[], bool] = lambda: False,
    inputs: Inputs | None = None,
) -> Result:
    """Searches a space by trials, and returns the network with the best objective.

    `inputs` are the result of `inspected_inputs`, if it was called already. The run folder receives the
    network as best.arch; its journal has a record of each trial, from which the search can be resumed. Raises
    SpecError, and Interrupted if `stop` returned True.
    """
    reporter = reporter or Reporter()
    inputs = inputs or inspected_inputs(program, options, reporter)
    config, space = inputs.config, inputs.space
    folder = SearchFolder(options.folder or Path("runs") / config.goals.name)
    tables = gather(
        config.goals, space, options.tables, program.unit.path.parent, folder.table, options.resume,
        reporter,
    )  # fmt: skip
    evaluation = inputs.evaluation(options, folder.path, stop)
    criteria = Criteria(config, space, Costs(space, tables.own, tables.stands))
    criteria.costs.demand_tables([*(o.value for o in config.goals.objectives), *config.goals.requirements])
    first = first_outcomes(options.start, criteria.domain, space)
    setup = worker_setup(program, inputs, options, folder)
    if not options.resume:
        demand_some(evaluation.evaluator, space)
    with folder.held():
        wanted = origin(program, inputs, options, tables.sha256)
        folder.begin(wanted, program.unit, tables.text, resume=options.resume)
        reporter.info(_beginning(folder, options.resume))
        for known, outcomes in zip(options.start, first, strict=True):
            if not criteria.meets(outcomes):
                headline = f"`{known.name}` violates a requirement on costs, and is skipped"
                reporter.warn(headline)
        if (workers := options.engine.workers or 1) > (most := config.parallel):
            idle = f"only {most} of {workers} workers are used"
            reporter.warn(f"{idle}: `parallel` is {most}; --set parallel={workers}")
        _prepare(evaluation, reporter, folder)
        with closing(make_engine(options.engine, setup, evaluation.done, reporter)) as engine:
            trials = Trials(inputs, criteria, folder, engine, report, program.unit, first)
            result = trials.run(stop)
            if early := trials.why_early():
                reporter.warn(early)
            return result


def _beginning(folder: SearchFolder, resume: bool) -> str:
    if not resume:
        return f"writing to {folder.path}"
    if records.has_ended(folder.journal):
        return f"{folder.path} is finished: nothing is evaluated again"
    return f"resuming {folder.path}"


def _prepare(evaluation: Evaluation, reporter: Reporter, folder: SearchFolder) -> None:
    """Runs the preparation of the evaluator, such as training a supernet.

    Raises Interrupted if it was stopped.
    """
    if isinstance(evaluation.evaluator, Prepared):
        try:
            evaluation.evaluator.prepare(reporter)
        except Stopped:
            raise Interrupted(0, folder.path) from None


class Trials:
    """Runs the trials of a search, and records them; trials in the journal are not evaluated again.

    `first` are initial networks, which are proposed before those of the strategy.
    """

    def __init__(
        self, inputs: Inputs, criteria: Criteria, folder: SearchFolder, engine: Engine, report: Report,
        unit: Unit, first: Sequence[Outcomes] = (),
    ):  # fmt: skip
        self.inputs, self.criteria, self.folder, self.engine = inputs, criteria, folder, engine
        self.config, self.report = inputs.config, report
        self.journal = Journal(folder.journal)
        self.arrived = folder.path / "arrived.jsonl"
        self.snapshots = Snapshots(folder.path / "snapshots", folder.origin)
        self.recorded: dict[int, records.Recorded] = {}
        self.waiting: dict[int, Done] = {}
        self.best: Trial | None = None
        self.objective = records.text_of(self.config.goals.objectives[0])
        self.failed = 0
        self.elapsed, self._began = 0.0, time.monotonic()
        self._ahead: list[records.Record] = []
        self._flushed = self._saved = time.monotonic()
        self.outputs = Outputs(folder, criteria, inputs.seed, unit)
        self._read()
        strategy = warm_started(strategy_of(self.config.strategy, criteria.domain, inputs.seed), first)
        self.loop = Loop(
            strategy, criteria, engine, trials=self.config.trials,
            parallel=self.config.parallel, found=self._found,
            arrived=self._arrived, observed=self._observed, settled=self._settled,
            ended=self._used_up, waited=self._flush, memory=_memory(self.config),
        )  # fmt: skip

    def run(self, stop: Callable[[], bool]) -> Result:
        """Runs the trials to the end, and writes the results. Raises Interrupted if `stop` returned True."""
        if not len(self.journal):
            self.journal.write(records.opening(self.inputs.space, self.config))
        else:
            self.outputs.history()
            self._restore()
        try:
            whole = self._run(stop)
        finally:
            self._flush()
        if not whole:
            self._snapshot()
            self.outputs.write(self._history())
            raise Interrupted(self.loop.observed, self.folder.journal)
        return self._finished()

    def _run(self, stop: Callable[[], bool]) -> bool:
        with suppress(Stopped):
            return self.loop.run(stop)
        return False

    def _history(self) -> History:
        """The trials in the journal; releases the recorded trials in memory first."""
        self.recorded.clear()
        return self.outputs.history()

    def _finished(self) -> Result:
        history = self._history()
        if history.best is None:
            self.outputs.write(history)
            raise self._nothing(history)
        trials, failed = self.loop.observed, self.failed
        of = plural(trials - failed, "network") + (f" ({failed:,} more failed)" if failed else "")
        how = f"the best of {of} that `{self.config.strategy.name}` proposed"
        result = self.criteria.bound(history.best.outcomes, how)
        if self.ended and self.outputs.are_written(history):
            return replace(result, front=self.outputs.front(history), trials=tuple(history.trials))
        if not self.ended:
            network = {**result.costs, "layers": len(result.network.graph.nodes)}
            numbers = [trial.number for trial in history.front]
            self.journal.write(records.of_end(dict(result.network.chosen), network, how, numbers))
        atomic.write_text(self.folder.found, text_of(self.inputs.space, result))
        front = self.outputs.write(replace(history, ended=True))
        self.arrived.unlink(missing_ok=True)
        return replace(result, front=front, trials=tuple(history.trials))

    def why_early(self) -> str:
        """A message that says why the search ended after fewer trials than planned; "" if it did not."""
        if (count := self.loop.observed) >= self.config.trials:
            return ""
        why = f"`{self.config.strategy.name}` has nothing else to propose"
        if self._used_up():
            why = "its budget is used up"
        elif self.loop.idle >= MOST_IDLE:
            why = f"of the last {MOST_IDLE:,} proposals, none is a new network that meets the requirements"
        return f"the search ended after {count} of {self.config.trials} trials: {why}"

    def _nothing(self, history: History) -> SpecError:
        """The error that says why the search found no network."""
        strategy, evaluator = self.config.strategy, self.config.evaluator
        if not self.loop.observed:
            headline = f"`{strategy.name}` proposed no network that satisfies the requirements"
            return cannot(headline, "relax a requirement", strategy.at)
        if self.failed == self.loop.observed:
            first = history.trials[0].failure
            why = f"all of {self.failed} networks failed, the first by: {first[1] if first else 'unknown'}"
            return broken("evaluator", evaluator, why)
        headline = f"none of {self.loop.observed} networks satisfies the requirements on scores"
        return cannot(headline, "relax a requirement, or add trials", strategy.at)

    # ------------------------------------------------------------ records

    def _read(self) -> None:
        """Reads the trials in the journal, and results that arrived but were not observed yet."""
        self.ended = False
        for record in filter(None, each_record(self.folder.journal)):
            self.ended = self.ended or record.get("kind") == "end"
            trial = records.read_trial(record)
            if trial is not None:
                self.recorded.setdefault(trial.done.number, trial)
                self.elapsed = max(self.elapsed, float(record.get("elapsed") or 0))
        for record in read_records(self.arrived) if self.arrived.exists() else ():
            with suppress(KeyError, TypeError, ValueError):
                done = Done.of(record)
                self.waiting[done.number] = done

    def _found(self, task: Task) -> Done | None:
        """The recorded result of a task, or None without one.

        Raises SpecError (ARCH864) if the record of this trial is about another network: the strategy does not
        repeat its proposals.
        """
        known = self.recorded.get(task.number)
        if known is None:
            return self.waiting.get(task.number)
        if (known.outcomes, known.epochs) != (task.outcomes, task.epochs):
            was = f"trial {task.number} of the journal has the outcomes {known.outcomes}"
            why = f"{was}, but the strategy now proposes {task.outcomes}"
            help = "proposals must depend only on the settings, the seed and the observations"
            raise broken("strategy", self.config.strategy, f"{why}; {help}")
        return known.done

    def _arrived(self, done: Done) -> None:
        Journal(self.arrived).write(done.plain())
        self.engine.recorded([done.number])

    def _observed(self, trial: Trial) -> None:
        self._count(trial)
        if trial.number in self.recorded:
            return
        costs = self.criteria.costs_of(trial.outcomes)
        record = records.of_trial(trial, self.config.signs, costs)
        self._ahead.append({**record, "elapsed": round(self._elapsed(), 3)})
        now = time.monotonic()
        if now - self._flushed > FLUSH_S or trial.done.seconds > FLUSH_S:
            self._flush()
        self._tell(trial)

    def _settled(self) -> None:
        if time.monotonic() - self._saved > SNAPSHOT_S:
            self._snapshot()
        if self.outputs.is_due():
            self._flush()
            self.outputs.write_page()

    def _count(self, trial: Trial) -> None:
        self.failed += trial.state == "failed"
        if trial.state == "scored" and (self.best is None or _merit(trial) < _merit(self.best)):
            self.best = trial

    def _flush(self) -> None:
        if self._ahead:
            self.journal.write_all(self._ahead)
            self.engine.recorded([record["number"] for record in self._ahead])
            self._ahead.clear()
        self._flushed = time.monotonic()

    def _tell(self, trial: Trial) -> None:
        value = trial.value if trial.state == "scored" else math.nan
        best = None if self.best is None else self.config.signs[0] * self.best.value
        self.report(
            SearchProgress(
                trial.number, self.config.trials, 0, 1, value, value, {}, tried=trial.number,
                to_try=self.config.trials, failed=self.failed, best=(self.objective, best),
            )
        )  # fmt: skip

    def _elapsed(self) -> float:
        return self.elapsed + time.monotonic() - self._began

    def _used_up(self) -> bool:
        """Whether the time budget is used up; a resumed search continues with the remaining time."""
        budget = self.config.budget_s
        if budget is None or self.loop.started < len(self.recorded):
            return False
        return self._elapsed() >= budget

    # ------------------------------------------------------------ snapshots

    def _snapshot(self) -> None:
        self._saved = time.monotonic()
        state = self.loop.state()
        if state is not None and self.loop.observed:
            self._flush()
            self.snapshots.save(self.loop.observed, state)

    def _restore(self) -> None:
        """Restores the newest usable snapshot; without one, the loop replays the search from the journal."""

        def take(trials: int, state: dict[str, Any]) -> None:
            numbers = range(1, trials + 1)
            if lacking := [n for n in numbers if n not in self.recorded]:
                raise Unfit(f"the journal has no trial {lacking[0]}")
            before = [self._trial(n, self.recorded[n]) for n in numbers]
            known = {(one.key, one.epochs): (one.values, one.state) for one in before}
            self.loop.restore(state, known)
            for one in before:
                self._count(one)

        self.snapshots.restore(take)

    def _trial(self, number: int, known: records.Recorded) -> Trial:
        values, state = self.criteria.score(known.outcomes, known.done)
        key = self.criteria.key(known.outcomes) if known.identity is None else known.identity
        return Trial(number, 0, known.outcomes, known.epochs, key, known.done, values, state)


def _merit(trial: Trial) -> tuple[int, float]:
    """A sort key, lower is better: first by epochs, since values after few epochs are less reliable."""
    return -(trial.epochs or 0), trial.value


def _memory(config: TrialConfig) -> Memory | None:
    """The memory of the evaluator; None if it has none."""
    kind = config.evaluator_kind
    if kind.memory is None:
        return None
    make = imported(kind.memory) if isinstance(kind.memory, str) else kind.memory
    found: Memory | None = make(configured(config.evaluator))
    return found
