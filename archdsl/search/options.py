"""What a caller chooses of a search beside its spec, and the options of a resumed search."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from archdsl.data.source import DataSource
from archdsl.search.engines.choice import IN_PROCESS, EngineChoice
from archdsl.search.rewriting import Rewritten, rewritten
from archdsl.search.tables import TableSource, read_source
from archdsl.search.trials.starting import Known, recorded_starts

if TYPE_CHECKING:
    from archdsl.data.dataset import Splits
    from archdsl.program import Program
    from archdsl.runs.manifest import Manifest
    from archdsl.spec.search_values import SearchSpec


class SplitSettings(NamedTuple):
    """A search as its own settings make it, settings of its space, and those of its strategy and its data."""

    spec: SearchSpec
    of_space: dict[str, Any]
    others: dict[str, Any]


@dataclass(frozen=True)
class SearchOptions:
    """Options of one search.

    `name` is that of the search where a file has several; `settings` are of its space, of the search and of
    its data.  `folder` is that of the run (None: `runs/` and the name); with `resume` it is continued.
    `passes` is a pipeline (`archdsl.passes.pipeline_text`) that makes the space smaller first.
    """

    name: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    data: DataSource | None = None
    tables: tuple[TableSource, ...] = ()
    seed: int | None = None
    """None: the seed that the search names, else 0."""
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
    """A spec whose network is trained from scratch at the end, beside the one found, to compare them."""
    splits: Splits | None = None
    """Data of the caller's own, instead of that which the search names."""
    clauses: Rewritten = field(default_factory=Rewritten)
    """Clauses of the search from outside, in the place of its own."""
    start: tuple[Known, ...] = ()
    """Networks that a search by trials tries first."""
    engine: EngineChoice = IN_PROCESS
    """Where networks are evaluated, in a search by trials."""
    evaluator_command: tuple[str, ...] | None = None
    """The program of the evaluator `command`, as words; it is neither read from a file nor recorded."""

    def split(self, program: Program) -> SplitSettings:
        """The search under its own settings, and the other settings by what reads them.  Raises SpecError."""
        space, own = program.search_settings(self.name)
        return SplitSettings(
            program.search(self.name, **{key: value for key, value in self.settings.items() if key in own}),
            {key: value for key, value in self.settings.items() if key in space},
            {key: value for key, value in self.settings.items() if key not in space | own},
        )

    def recorded(self) -> dict[str, Any]:
        """What a manifest keeps of the options, as plain values."""
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


def with_clauses(program: Program, options: SearchOptions) -> tuple[Program, SearchOptions]:
    """The program with the clauses of the options in its search.  Raises SpecError."""
    if not options.clauses:
        return program, options
    program, name = rewritten(program, options.name, options.clauses)
    return program, replace(options, name=name)


FREE = ("search", "clauses", "set", "table", "data", "checkpoint", "baseline")
"""Recorded options that may differ in a resumed search: they change no result, or their effect is
compared."""


def resumed_options(options: SearchOptions, before: Manifest, given: Collection[str]) -> SearchOptions:
    """The options of a resumed search: those of its run, but for those that are `given` anew."""
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
    """The data of a run, with the settings of it that are given anew."""
    if before is None:
        return now
    kind, settings = before["kind"], _tuples(before["settings"])
    if now is None:
        return DataSource(kind, settings, kind)
    return now if now.kind != kind else replace(now, settings={**settings, **now.settings})


def _tables(recorded: Any) -> tuple[TableSource, ...]:
    """Tables of a run: one file, as manifests once had it, or several sources."""
    words = [recorded] if isinstance(recorded, str) else recorded if isinstance(recorded, list) else []
    return tuple(read_source(str(word)) for word in words)


def _tuples(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with tuples where a manifest has lists."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}


def absolute(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings whose `path` is absolute; a relative one in a spec is against the folder of the spec."""
    path = settings.get("path")
    if not isinstance(path, str):
        return dict(settings)
    return {**settings, "path": os.path.abspath(os.path.expanduser(path))}


def without_program(words: Sequence[str]) -> tuple[str, ...]:
    """A command line without the program of an evaluator, which a manifest must not name."""
    found: list[str] = []
    ahead = iter(words)
    for word in ahead:
        if word == "--command":
            next(ahead, None)
        elif not word.startswith("--command="):
            found.append(word)
    return tuple(found)
