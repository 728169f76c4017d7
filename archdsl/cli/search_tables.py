"""The latency tables of a search: those that are named, and one that is built for this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.numbers import plural

if TYPE_CHECKING:
    from archdsl.devices.table import Table
    from archdsl.program import Space
    from archdsl.search.config import SearchConfig

AUTO = "auto"


@dataclass(frozen=True)
class TableWord:
    """A table, and the device that it stands for; no `path`: one that is built for this machine."""

    path: Path | None
    device: str | None = None

    def __str__(self) -> str:
        named = AUTO if self.path is None else str(self.path)
        return f"{self.device}={named}" if self.device else named


class TableType(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    name = "table"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> TableWord:
        if isinstance(value, TableWord):
            return value
        device, equals, named = value.partition("=")
        if not equals or os.path.isfile(value):
            device, named = "", value
        if named == AUTO:
            return TableWord(None, device or None)
        if not os.path.isfile(named):
            self.fail(f"there is no file {named}; write FILE, DEVICE=FILE or auto", param, ctx)
        return TableWord(Path(os.path.abspath(named)), device or None)


def read_word(text: str) -> TableWord:
    """A word as a manifest keeps it."""
    device, equals, named = text.partition("=")
    if not equals or os.path.isfile(text):
        device, named = "", text
    return TableWord(None if named == AUTO else Path(named), device or None)


@dataclass(frozen=True)
class Given:
    """Tables of their own devices, tables that stand for other devices by name, and what is known of both.

    `sha256` is what a manifest compares; `text` is the table that was built, for the folder of the run.
    """

    tables: tuple[Table, ...] = ()
    stands: dict[str, Table] = field(default_factory=dict)
    sha256: str | None = None
    text: str | None = None

    @property
    def devices(self) -> dict[str, str]:
        """The devices that tables stand for, by the names in the spec, and what the tables are of."""
        return {device: table.device.model for device, table in self.stands.items()}

    def said(self) -> list[str]:
        return [
            f"`{device}` stands for {model}, which its table is of" for device, model in self.devices.items()
        ]


def gather(
    plan: SearchConfig, space: Space, words: Sequence[TableWord], base: Path, kept: Path, goes_on: bool
) -> Given:
    """The tables of the command line, or those that the search names, beside the spec.

    `auto` builds what is missing for this machine, in a cache that later searches share, and stands for every
    device that the spec names; a search that goes on has the table that it began with, in `kept`.
    """
    from archdsl.devices.table import text_of
    from archdsl.search.differentiable.objective import devices_named, read_tables, tables_named

    if not words:
        return Given(tuple(read_tables([base / name for name in tables_named(plan)])))
    tables: list[Table] = []
    stands: dict[str, Table] = {}
    shas: list[str] = []
    built: Table | None = None
    for word in words:
        if word.path is None:
            table = built = built or _built(space, kept if goes_on else None)
            data = text_of(built).encode("utf-8")
            names = [word.device] if word.device else [*devices_named(plan, space.graph)]
        else:
            table, data = read_tables([word.path])[0], word.path.read_bytes()
            names = [word.device] if word.device else []
        stands.update(dict.fromkeys(names, table))
        if word.device is None:
            tables.append(table)
        shas.append(_sha256(data, word.device))
    return Given(tuple(tables), stands, " ".join(shas), text_of(built) if built else None)


def _sha256(data: bytes, device: str | None) -> str:
    import hashlib

    digest = hashlib.sha256(data).hexdigest()
    return f"{device}={digest}" if device else digest


def _built(space: Space, kept: Path | None) -> Table:
    """A table for this machine with the rows of a space, or the one that was kept."""
    from archdsl.cli.latency import Bar, duration
    from archdsl.devices.cache import complete, missing
    from archdsl.devices.table import read

    if kept is not None and kept.is_file():
        return read(kept)
    ahead = missing(space)
    if ahead.units:
        least = duration(ahead.least_s)
        click.echo(
            f"timing {plural(len(ahead.units), 'row')} of {space.name} on this machine, at least {least},"
            f" into {ahead.path}; later searches find them there",
            err=True,
        )
    bar = Bar()
    found = complete(ahead, lambda p: bar.show(p.row.op, p.share, p.seconds_left))
    bar.end()
    return found
