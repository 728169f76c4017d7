"""The words of `archdsl search`, and those of the run that it goes on with."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.cli.data import DataWord
from archdsl.cli.search_tables import TableWord, read_word

if TYPE_CHECKING:
    from archdsl.runs.manifest import Manifest


@dataclass(frozen=True)
class Asked:
    """The words of the command line."""

    spec: str
    name: str | None
    settings: dict[str, Any]
    data: DataWord | None
    tables: tuple[TableWord, ...]
    seed: int
    device: str | None
    amp: str | None
    checkpoint: bool
    channels_last: bool
    folder: Path | None
    goes_on: bool

    def settings_of_run(self) -> dict[str, Any]:
        """What a manifest keeps of these words, as plain values."""
        return {
            "search": self.name, "set": self.settings, "table": [str(word) for word in self.tables] or None,
            "data": {"kind": self.data.kind, "settings": self.data.settings} if self.data else None,
            "amp": self.amp, "checkpoint": self.checkpoint, "channels_last": self.channels_last,
        }  # fmt: skip


FREE = ("search", "set", "table", "data", "checkpoint")
"""Words that may be others when a search goes on: they change no result, or what they come to is compared."""


def as_it_was(asked: Asked, before: Manifest, given: Collection[str]) -> Asked:
    """The words of a command that goes on with a run, those of the run where none are `given`."""
    was = before.settings
    anew = asked.data.settings if asked.data is not None else {}
    set_then = {key: value for key, value in _read(was.get("set", {})).items() if key not in anew}
    flags = {k: was[k] for k in ("amp", "checkpoint", "channels_last") if k in was and k not in given}
    return replace(
        asked,
        name=asked.name if "name" in given else was.get("search"),
        settings={**set_then, **asked.settings},
        data=_same_data(was.get("data"), asked.data),
        tables=asked.tables or _tables(was.get("table")),
        seed=asked.seed if "seed" in given else before.seed,
        **flags,
    )


def _same_data(before: dict[str, Any] | None, now: DataWord | None) -> DataWord | None:
    """The data of a run, with what is given of it anew."""
    if before is None:
        return now
    kind = before["kind"]
    settings = _read(before["settings"])
    if now is None:
        return DataWord(kind, kind, settings)
    return now if now.kind != kind else replace(now, settings={**settings, **now.settings})


def _tables(was: Any) -> tuple[TableWord, ...]:
    """Tables of a run: one file, as runs once had it, or words."""
    words = [was] if isinstance(was, str) else was if isinstance(was, list) else []
    return tuple(read_word(str(word)) for word in words)


def _read(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a command line gives them: what a manifest has as lists were tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}


def placed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings whose `path` is found from any folder; in a spec it is against that of the spec."""
    path = settings.get("path")
    if not isinstance(path, str):
        return dict(settings)
    return {**settings, "path": os.path.abspath(os.path.expanduser(path))}
