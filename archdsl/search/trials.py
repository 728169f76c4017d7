"""A search by trials: a strategy proposes networks one after the other, and an evaluator scores each.

Nothing is shared between networks, so that the strategy may be of any kind, and so may the scores.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from archdsl import atomic
from archdsl.configs.evaluators import EVALUATORS
from archdsl.configs.strategies import StrategyKind
from archdsl.configs.words import STRATEGIES
from archdsl.devices.formula import EXACT, evaluate
from archdsl.devices.objective import Costs
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir.text import dump
from archdsl.passes.identity import identity
from archdsl.program import Program, Space
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.journal import Journal
from archdsl.runs.manifest import Manifest, manifest
from archdsl.runs.reporter import Reporter
from archdsl.search import loop
from archdsl.search.evaluators.base import Evaluator
from archdsl.search.folder import SearchFolder
from archdsl.search.keeping import text_of
from archdsl.search.options import SearchOptions
from archdsl.search.progress import Progress, Report
from archdsl.search.pruning import pruned
from archdsl.search.result import Result, bound
from archdsl.search.strategies.base import Outcomes, Strategy
from archdsl.search.tables import Tables, gather
from archdsl.search.terms import cannot, configured, recorded
from archdsl.search.trial_config import TrialConfig, read_trials
from archdsl.spec.search_values import SearchValue, Term

_UNREAD = ("data", "splits", "device", "amp", "checkpoint", "channels_last")
"""Options of differentiable searches."""
MOST_IDLE = 1_000
"""A search ends after this many proposals in a row without a new network that meets the requirements."""


def run(
    program: Program,
    options: SearchOptions,
    *,
    reporter: Reporter | None = None,
    report: Report = lambda now: None,
    stop: Callable[[], bool] = lambda: False,
) -> Result:
    """Searches a space by trials, and returns the network of the best objective.

    The folder of the run holds it as best.arch, and each trial in its journal, for `resume`.
    Raises SpecError, and Interrupted where `stop` returned True.
    """
    unread = [name for name in _UNREAD if getattr(options, name)]
    if unread:
        raise cannot(f"`{unread[0]}` is not read by a search by trials", "leave it out")
    given = options.split(program)
    config = read_trials(given.spec, given.others)
    space = pruned(program.space(config.goals.space, **given.of_space), options.passes)
    if not space.searched.decisions:
        raise cannot(f"{space.name} has no decisions, so there is nothing to search", "", given.spec.at)
    folder = SearchFolder(options.folder or Path("runs") / config.goals.name)
    tables = gather(
        config.goals, space, options.tables, program.unit.path.parent, folder.table, options.resume,
        reporter or Reporter(),
    )  # fmt: skip
    with folder.held():
        wanted = _manifest(program, space, config, options, tables)
        folder.begin(wanted, program.unit, tables.text, resume=options.resume)
        journal = Journal(folder.journal)
        costs = Costs(space, tables.own, tables.stands)
        return _Trials(config, space, costs, options, journal).run(folder, report, stop)


class _Trials:
    """The trials of a search, those that were recorded first."""

    def __init__(
        self, config: TrialConfig, space: Space, costs: Costs, options: SearchOptions, journal: Journal
    ):
        self.config, self.space, self.costs, self.journal = config, space, costs, journal
        self.paths = list(space.searched.decisions)
        seed = config.seed if options.seed is None else options.seed
        sizes = [len(space.decisions[path].outcomes) for path in self.paths]
        strategy, evaluator = STRATEGIES[config.strategy.name], EVALUATORS[config.evaluator.name]
        assert isinstance(strategy, StrategyKind)
        proposer: Strategy = strategy.made_by()(configured(config.strategy), sizes, seed)
        self.strategy = _Checked(config.strategy, proposer, sizes)
        self.evaluator: Evaluator = evaluator.made_by()(configured(config.evaluator), space)
        records = journal.records()
        self.ended = any(record.get("kind") == "end" for record in records)
        self.known = dict(filter(None, (_recorded(record) for record in records)))

    def run(self, folder: SearchFolder, report: Report, stop: Callable[[], bool]) -> Result:
        done: list[float] = []

        def value(outcomes: Outcomes) -> float:
            found = self.known.get(outcomes)
            if found is None:
                found = self._scored(outcomes, len(done) + 1)
                report(self._progress(len(done) + 1, found))
            done.append(found)
            if stop() and len(done) < self.config.trials:
                raise Interrupted(len(done), folder.journal)
            return found

        trials = loop.run(self.strategy, value, self.config.trials, self._identify)
        if not trials:
            headline = f"`{self.config.strategy.name}` proposed no network that meets the requirements"
            raise cannot(headline, "relax a requirement", self.config.strategy.at)
        best = loop.best(trials)
        how = f"the best of {len(trials)} networks that `{self.config.strategy.name}` proposed"
        result = self._bound(best.outcomes, how)
        if not self.ended:
            network = {**result.costs, "layers": len(result.network.graph.nodes)}
            chosen = dict(result.network.chosen)
            self.journal.write({"kind": "end", "chosen": chosen, "network": network, "how": how})
        atomic.write_text(folder.found, text_of(self.space, result))
        return result

    def _bound(self, outcomes: Outcomes, how: str = "") -> Result:
        return bound(self.space, dict(zip(self.paths, outcomes, strict=True)), how, self.costs)

    def _identify(self, outcomes: Outcomes) -> str | None:
        """What a network computes; None where it misses a requirement of the space or of the search."""
        found = self._bound(outcomes)
        met = all(self._value(one, found, {}) for one in self.config.goals.requirements)
        return identity(found.network.graph) if met and not found.unmet else None

    def _scored(self, outcomes: Outcomes, number: int) -> float:
        """Scores a network and records it; infinite where its objective is not a finite number."""
        found = self._bound(outcomes)
        scores = self._scores(found)
        try:
            value = self.config.sign * float(self._value(self.config.objective, found, scores))
        except (ValueError, ArithmeticError):  # the logarithm of zero
            value = math.inf
        value = value if math.isfinite(value) else math.inf
        self.journal.write(
            {"kind": "tried", "number": number, "outcomes": list(outcomes),
             "chosen": dict(found.network.chosen), "objective": None if math.isinf(value) else value,
             "scores": {name: score if math.isfinite(score) else None for name, score in scores.items()}}
        )  # fmt: skip
        return value

    def _value(self, formula: SearchValue, found: Result, scores: Mapping[str, float]) -> Any:
        rows = [[found.outcomes.get(path, 0) for path in self.space.decisions]]

        def measure(one: Term) -> float:
            return float(self.costs.exact(one, rows)[0])

        return evaluate(formula, measure, scores, EXACT)

    def _scores(self, found: Result) -> dict[str, float]:
        evaluator = self.config.evaluator
        try:
            scores = {name: float(score) for name, score in self.evaluator.score(found.outcomes).items()}
        except SpecError:
            raise
        except Exception as error:  # code of a plug-in
            raise _failed("evaluator", evaluator, f"{type(error).__name__}: {error}") from error
        if lacking := [name for name in EVALUATORS[evaluator.name].scores if name not in scores]:
            raise _failed("evaluator", evaluator, f"it gives no {', '.join(lacking)}")
        return scores

    def _progress(self, number: int, value: float) -> Progress:
        trials = self.config.trials
        return Progress(number, trials, 0, 1, value, value, {}, tried=number, to_try=trials)


class _Checked:
    """A strategy whose proposals are looked at; one that has had no new one for long is at its end."""

    def __init__(self, of: Term, strategy: Strategy, sizes: Sequence[int]):
        self.of, self.strategy, self.sizes = of, strategy, sizes
        self.idle = 0

    def propose(self) -> Outcomes | None:
        if self.idle >= MOST_IDLE:
            return None
        found = self.strategy.propose()
        if found is None:
            return None
        outcomes = tuple(found)
        if len(outcomes) != len(self.sizes) or not all(
            isinstance(outcome, int) and 0 <= outcome < size
            for outcome, size in zip(outcomes, self.sizes, strict=True)
        ):
            raise _failed("strategy", self.of, f"it proposed {outcomes}, and sizes are {tuple(self.sizes)}")
        return outcomes

    def observe(self, outcomes: Outcomes, value: float | None) -> None:
        self.idle = self.idle + 1 if value is None else 0
        self.strategy.observe(outcomes, value)


def _failed(kind: str, of: Term, why: str) -> SpecError:
    place = Label(of.at) if of.at else None
    return SpecError([Diagnostic("ARCH864", f"the {kind} `{of.name}` failed", place, help=why)])


def _manifest(
    program: Program, space: Space, config: TrialConfig, options: SearchOptions, tables: Tables
) -> Manifest:
    seed = config.seed if options.seed is None else options.seed
    settings = {
        "space": space.name, "strategy": recorded(config.strategy), "evaluate": recorded(config.evaluator),
        "objective": recorded(config.objective), "direction": config.goals.objectives[0].direction,
        "requirements": recorded(config.goals.requirements), "trials": config.trials,
        "space settings": {k: str(v) for k, v in space.settings.items()},
        "latency table sha256": tables.sha256, **options.recorded(),
    }  # fmt: skip
    return manifest(
        "search", name=config.goals.name, spec=program.unit.source.text,
        spec_sha256=hashlib.sha256(dump(space.graph).encode()).hexdigest(), data={}, settings=settings,
        seed=seed, device="cpu", command=options.command or tuple(sys.argv),
    )  # fmt: skip


def _recorded(record: Mapping[str, Any]) -> tuple[Outcomes, float] | None:
    """The outcomes and the objective of a trial that the journal has; None for other records."""
    outcomes, value = record.get("outcomes"), record.get("objective")
    if record.get("kind") != "tried" or not isinstance(outcomes, list):
        return None
    if not all(type(outcome) is int for outcome in outcomes):
        return None
    if value is None:
        return tuple(outcomes), math.inf
    return (tuple(outcomes), float(value)) if type(value) in (int, float) and math.isfinite(value) else None
