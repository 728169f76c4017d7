"""Latency tables of a search: tables in files, and a table that is built for this machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl.report.duration import duration
from archdsl.runs.reporter import Reporter

if TYPE_CHECKING:
    from archdsl.devices.cache import Ahead
    from archdsl.devices.table import Table
    from archdsl.program import Network, Space
    from archdsl.search.config import SearchConfig

AUTO = "auto"


@dataclass(frozen=True)
class TableSource:
    """The source of a latency table: the file `path`, or None for a table that is built for this machine.

    The table is used for the device `device` of the spec; None: for its own device.
    """

    path: Path | None
    device: str | None = None

    def __str__(self) -> str:
        named = AUTO if self.path is None else str(self.path)
        return f"{self.device}={named}" if self.device else named


def read_source(text: str) -> TableSource:
    """Parses a table source: FILE, DEVICE=FILE or auto."""
    device, equals, named = text.partition("=")
    if not equals or os.path.isfile(text):
        device, named = "", text
    return TableSource(None if named == AUTO else Path(named), device or None)


@dataclass(frozen=True)
class Tables:
    """Latency tables: `own` are used for their own devices, `stands` for other devices of the spec, by name.

    `sha256` is the hash of the tables, compared on resume; `text` is the text of a table that was built.
    """

    own: tuple[Table, ...] = ()
    stands: dict[str, Table] = field(default_factory=dict)
    sha256: str | None = None
    text: str | None = None
    built: Table | None = None
    """The table that was built for this machine."""

    @property
    def devices(self) -> dict[str, str]:
        """The devices of the spec with another device's table, by name: the model of the table's device."""
        return {device: table.device.model for device, table in self.stands.items()}


def gather(
    config: SearchConfig, space: Space, sources: Sequence[TableSource], base: Path, kept: Path, resume: bool,
    reporter: Reporter,
) -> Tables:  # fmt: skip
    """Reads the latency tables of a search: `sources`, by default the files that the search names.

    Names of files are relative to `base`. The source `auto` is a table for this machine, used for all devices
    of the spec: rows that a shared cache lacks are timed; a resumed search uses its original table, `kept`.
    """
    from archdsl.search.scores import devices_named, read_tables, tables_named

    if not sources:
        return Tables(tuple(read_tables([base / name for name in tables_named(config)])))
    own: list[Table] = []
    stands: dict[str, Table] = {}
    shas: list[str] = []
    built: tuple[Table, str] | None = None
    for source in sources:
        if source.path is None:
            built = built or _built(space, kept if resume else None, reporter)
            table, data = built[0], built[1].encode("utf-8")
            names = [source.device] if source.device else [*devices_named(config, space.graph)]
        else:
            table, data = read_tables([source.path])[0], source.path.read_bytes()
            names = [source.device] if source.device else []
        stands.update(dict.fromkeys(names, table))
        if source.device is None:
            own.append(table)
        shas.append(_sha256(data, source.device))
    return Tables(tuple(own), stands, " ".join(shas), *(reversed(built) if built else ()))


def _sha256(data: bytes, device: str | None) -> str:
    digest = hashlib.sha256(data).hexdigest()
    return f"{device}={digest}" if device else digest


def with_rows_of(network: Network, table: Table, reporter: Reporter) -> Table:
    """The table of this machine extended by rows for a network of another space, such as a decoded one.

    Missing rows are timed, and added to the shared cache.
    """
    from archdsl.devices.cache import complete, missing_of

    lacking = missing_of(network, table)
    if not lacking.wanted:
        return table
    _announce(lacking, network.name, reporter)
    try:
        rows = complete(lacking, lambda p: reporter.timing(p.row.op, p.share, p.seconds_left)).rows
    finally:
        reporter.timed()
    return table.model_copy(update={"rows": [*table.rows, *rows]})


def _announce(ahead: Ahead, of: str, reporter: Reporter) -> None:
    if ahead.units:
        rows = f"{len(ahead.units)} row{'s' if len(ahead.units) > 1 else ''}"
        reporter.warn(
            f"timing {rows} of {of} on this machine, at least {duration(ahead.least_s)},"
            f" into {ahead.path}; later searches find them there"
        )


def _built(space: Space, kept: Path | None, reporter: Reporter) -> tuple[Table, str]:
    """A table for this machine with the rows of a space, and its text; the file `kept` if it exists."""
    from archdsl.devices.cache import complete, missing
    from archdsl.devices.table import read, text_of

    if kept is not None and kept.is_file():
        return read(kept), kept.read_text("utf-8")
    ahead = missing(space)
    _announce(ahead, space.name, reporter)
    try:
        found = complete(ahead, lambda p: reporter.timing(p.row.op, p.share, p.seconds_left))
        return found, text_of(found)
    finally:
        reporter.timed()
