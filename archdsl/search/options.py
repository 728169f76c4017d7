"""Options of a search in addition to its spec, for new and resumed runs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from archdsl.data.source import DataSource
from archdsl.diagnostics import SpecError
from archdsl.program import load
from archdsl.search.engines.choice import IN_PROCESS, EngineChoice
from archdsl.search.latency_tables import TableSource, read_source
from archdsl.search.rewriting import Rewritten, rewritten
from archdsl.search.trials.warm_start import InitialNetwork, recorded_starts

if TYPE_CHECKING:
    from archdsl.data.dataset import Splits
    from archdsl.program import Program
    from archdsl.runs.manifest import Manifest
    from archdsl.spec.search_values import SearchSpec


class SplitSettings(NamedTuple):
    """Overridden settings by target: `spec` is the search with its own settings applied.

    `of_space` are settings of the space, `others` of the strategy and the data.
    """

    spec: SearchSpec
    of_space: dict[str, Any]
    others: dict[str, Any]


@dataclass(frozen=True)
class SearchOptions:
    """Options of one search.

    `name` selects the search; `settings` override settings of its space, the search and its data. `folder` is
    the run folder (None: `runs/NAME`); with `resume`, the run in it is continued. `passes` is a pipeline of
    passes (`archdsl.passes.pipeline_text`) that restricts the space first.
    """

    name: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: DataSource | None = None
    tables: tuple[TableSource, ...] = ()
    seed: int | None = None
    """The random seed; None: the seed set in the search, or else 0."""
    device: str | None = None
    amp: str | None = None
    checkpoint: bool = False
    channels_last: bool = False
    folder: Path | None = None
    resume: bool = False
    command: tuple[str, ...] = ()
    """The command line, for the manifest."""
    passes: str | None = None
    baseline: Path | None = None
    """A spec whose network is trained from scratch at the end, as the network found is, to compare them."""
    splits: Splits | None = None
    """Datasets of the caller that replace those of the search."""
    clauses: Rewritten = field(default_factory=Rewritten)
    """Clauses from the command line or from Python that replace those of the search."""
    start: tuple[InitialNetwork, ...] = ()
    """Networks that a search by trials evaluates first."""
    engine: EngineChoice = IN_PROCESS
    """Where a search by trials evaluates networks."""
    evaluator_command: tuple[str, ...] | None = None
    """The program of the evaluator `command` with arguments; never read from a file, and never recorded."""

    def split(self, program: Program) -> SplitSettings:
        """Splits `settings` by target: the search, the space, or strategy and data. Raises SpecError."""
        space, own = program.search_settings(self.name)
        spec = program.search(self.name, **{k: value for k, value in self.settings.items() if k in own})
        return SplitSettings(
            spec,
            {**spec.of_space, **{key: value for key, value in self.settings.items() if key in space}},
            {key: value for key, value in self.settings.items() if key not in space | own},
        )

    def recorded(self) -> dict[str, Any]:
        """The options as JSON values for the manifest."""
        data = self.data
        passes = {} if self.passes is None else {"passes": self.passes}
        baseline = {} if self.baseline is None else {"baseline": str(self.baseline)}
        clauses = {"clauses": self.clauses.plain()} if self.clauses else {}
        start = {"start": [one.recorded() for one in self.start]} if self.start else {}
        return {
            **passes, **baseline, **clauses, **start, "search": self.name, "set": dict(self.settings),
            "table": [str(source) for source in self.tables] or None,
            "data": {"kind": data.kind, "settings": dict(data.settings)} if data else None,
            "amp": self.amp, "checkpoint": self.checkpoint, "channels_last": self.channels_last,
        }  # fmt: skip


@contextmanager
def with_clauses(program: Program, options: SearchOptions) -> Iterator[tuple[Program, SearchOptions]]:
    """A context manager that yields a program in which clauses of the options replace those of the search,
    and options for that program.

    Errors raised inside are located in the clauses (`<minimize>:1:1`) or in the original file. Raises
    SpecError for invalid clauses.
    """
    if not options.clauses:
        yield program, options
        return
    joined, name = rewritten(program, options.name, options.clauses)
    try:
        yield load(program.unit.path, text=joined.text), replace(options, name=name)
    except SpecError as error:
        raise SpecError([joined.relocated(one) for one in error.diagnostics]) from error


FREE = ("search", "clauses", "set", "table", "data", "checkpoint", "baseline")
"""Options that may differ when resuming: they do not change results, or their effects are compared."""


def resumed_options(options: SearchOptions, before: Manifest, given: Collection[str]) -> SearchOptions:
    """The options of a resumed search: those recorded in the manifest `before`, overridden by `options`.

    `given` are the names of options that the user set explicitly.
    """
    recorded = before.settings
    anew = options.data.settings if options.data is not None else {}
    settings = {key: value for key, value in _tuples(recorded.get("set", {})).items() if key not in anew}
    kept = ("amp", "checkpoint", "channels_last", "passes")
    flags = {k: recorded[k] for k in kept if k in recorded and k not in given}
    return replace(
        options,
        name=options.name if "name" in given else recorded.get("search"),
        settings={**settings, **options.settings},
        data=_same_data(recorded.get("data"), options.data),
        tables=options.tables or _tables(recorded.get("table")),
        seed=options.seed if "seed" in given else before.seed,
        clauses=options.clauses or Rewritten.of(recorded.get("clauses")),
        start=options.start or recorded_starts(recorded.get("start")),
        baseline=options.baseline if "baseline" in given else _path(recorded.get("baseline")),
        **flags,
    )


def _path(recorded: Any) -> Path | None:
    return Path(recorded) if isinstance(recorded, str) else None


def _same_data(before: Mapping[str, Any] | None, now: DataSource | None) -> DataSource | None:
    """The dataset of a resumed run: the recorded one (`before`), with settings overridden by those of `now`.

    If `now` is of another kind, or nothing was recorded, the result is `now`.
    """
    if before is None:
        return now
    kind, settings = before["kind"], _tuples(before["settings"])
    if now is None:
        return DataSource(kind, settings, kind)
    return now if now.kind != kind else replace(now, settings={**settings, **now.settings})


def _tables(recorded: Any) -> tuple[TableSource, ...]:
    """The sources of latency tables in a manifest: a list, or a single file in earlier manifests."""
    words = [recorded] if isinstance(recorded, str) else recorded if isinstance(recorded, list) else []
    return tuple(read_source(str(word)) for word in words)


def _tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with lists converted to tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}


def absolute(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with `path` made absolute; otherwise it would be relative to the folder of the spec."""
    path = settings.get("path")
    if not isinstance(path, str):
        return dict(settings)
    return {**settings, "path": os.path.abspath(os.path.expanduser(path))}


def without_program(words: Sequence[str]) -> tuple[str, ...]:
    """A command line without the option `--command` and its value, which a manifest must not contain."""
    found: list[str] = []
    ahead = iter(words)
    for word in ahead:
        if word == "--command":
            next(ahead, None)
        elif not word.startswith("--command="):
            found.append(word)
    return tuple(found)
