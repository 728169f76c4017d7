"""Builds latency tables: measures missing rows, and writes the file while measuring."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archdsl.devices import fingerprint, runtimes, table
from archdsl.devices.conditions import conditions, demand_same
from archdsl.devices.keys import Key, Unit
from archdsl.devices.measure import Timer
from archdsl.devices.rounds import Timed, TimingPlan, nothing, time_all
from archdsl.devices.table import Row, Table

WRITE_EVERY_S = 0.5
"""The minimum number of seconds between writes; about as many seconds of measurements are lost if the process
is killed.
"""


@dataclass(frozen=True)
class BuildProgress:
    """The progress of building a table: number of rows, completed fraction, seconds left, and last row."""

    rows: int
    share: float
    seconds_left: float
    row: Row


def conditions_of(timer: Timer) -> dict[str, str]:
    """The measurement conditions of a timer on this machine, as text by name (`conditions`)."""
    return conditions(
        fingerprint.device(timer.device),
        fingerprint.runtime(timer.backend),
        fingerprint.protocol(timer.threads, timer.batch, timer.device),
    )


def new_table(timer: Timer, spec: str = "", settings: Mapping[str, Any] | None = None) -> Table:
    """An empty table for this machine and a timer; `spec` and `settings` record what it is built for."""
    return Table(
        device=fingerprint.device(timer.device),
        runtime=fingerprint.runtime(timer.backend),
        protocol=fingerprint.protocol(timer.threads, timer.batch, timer.device),
        spec=spec,
        settings={k: list(v) if isinstance(v, tuple) else v for k, v in (settings or {}).items()},
    )


def build(
    path: Path,
    units: Iterable[Unit],
    timer: Timer,
    *,
    plan: TimingPlan | None = None,
    start: Table | None = None,
    stale: bool = False,
    seed: int = 0,
    progress: Callable[[BuildProgress], None] | None = None,
) -> Table:
    """Measures the rows of `units` that the table in a file lacks; creates the file if needed.

    `start` is the table for a new file (default: empty); `stale` allows a table measured under other
    conditions. Returns the completed table. Raises SpecError, writing nothing, if the file is not a table
    (ARCH820), or was measured under other conditions (ARCH821).
    """
    runtimes.find(timer.backend)
    plan = plan or TimingPlan()
    made = start or new_table(timer)
    if path.exists():
        made = table.read(path)
        if not stale:
            demand_same(made, conditions_of(timer), path, "archdsl latency build … -o another file")
    if not made.nothing_ms:
        made = made.model_copy(update={"nothing_ms": _nothing(timer, plan)})
    wanted = {unit.key.hash: unit for unit in units}
    known = made.by_key()
    things = [_thing(unit, known.get(digest)) for digest, unit in wanted.items()]
    ahead = [t for t in things if t.failed is None and len(t.rounds) < plan.rounds]
    rows = {**known, **{t.what.hash: _row(t, made.nothing_ms) for t in ahead}}
    writer = _Writer(path, made, rows)
    begin = time.monotonic()

    def done(thing: Timed[Key], share: float) -> None:
        row = _row(thing, made.nothing_ms)
        writer.put(row)
        if progress is not None:
            left = (time.monotonic() - begin) * (1 - share) / max(share, 1e-6)
            progress(BuildProgress(len(things), share, left, row))

    time_all(ahead, timer, plan, random.Random(seed), done)
    return writer.finish()


def _nothing(timer: Timer, plan: TimingPlan) -> float:
    thing = Timed("nothing", nothing())
    time_all([thing], timer, plan, random.Random(0), lambda thing, share: None)
    return thing.low_ms if thing.rounds else 0.0


def _thing(unit: Unit, row: Row | None) -> Timed[Key]:
    if row is None or row.failed is not None:
        return Timed(unit.key, unit.piece)
    return Timed(unit.key, unit.piece, list(row.passes), row.retimed)


def _row(thing: Timed[Key], nothing_ms: float) -> Row:
    key = thing.what
    row = Row(
        key=key.hash,
        op=key.op,
        inputs=list(key.inputs),
        outputs=list(key.outputs),
        text=key.text,
        failed=thing.failed,
    )
    if not thing.rounds:
        return row
    return row.model_copy(
        update={
            "ms": max(0.0, thing.low_ms - nothing_ms),
            "median_ms": statistics.median(p.median_ms for p in thing.rounds),
            "iqr_ms": statistics.median(p.iqr_ms for p in thing.rounds),
            "passes": list(thing.rounds),
            "retimed": thing.retimed,
            "noisy": thing.noisy,
        }
    )


class _Writer:
    """Writes a table that is being measured: with the first row, then every half second, and at the end."""

    def __init__(self, path: Path, made: Table, rows: dict[str, Row]):
        self.path, self.made, self.rows = path, made, rows
        self._next = 0.0

    def put(self, row: Row) -> None:
        self.rows[row.key] = row
        if time.monotonic() >= self._next:
            self._write()
            self._next = time.monotonic() + WRITE_EVERY_S

    def finish(self) -> Table:
        return self._write()

    def _write(self) -> Table:
        rows = [row for row in self.rows.values() if row.passes or row.failed or row.ms is not None]
        calibration = self.made.calibration
        self.made = self.made.model_copy(update={"rows": rows, "calibration": calibration})
        table.write(self.made, self.path)
        return self.made


def disturbed(made: Table) -> float:
    """The fraction of the runs of a table's measurements that were disturbed by other programs."""
    rounds = [p for row in made.rows for p in row.passes]
    return sum(p.disturbed * p.runs for p in rounds) / max(1, sum(p.runs for p in rounds))


def failed_rows(made: Table) -> list[Row]:
    """The rows whose ops the runtime could not run."""
    return [row for row in made.rows if row.failed is not None]
