"""A shared latency table of this machine in the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from archdsl.devices import build, runtimes, table
from archdsl.devices.keys import Unit, network_keys, space_keys
from archdsl.devices.measure import Timer, passive_waiting
from archdsl.devices.rounds import TimingPlan
from archdsl.devices.table import Table
from archdsl.program import Network, Space

TIMER = Timer("onnxruntime")
"""One thread, one image: as `archdsl latency build` times by default."""
PLAN = TimingPlan()


@dataclass(frozen=True)
class Ahead:
    """The units of a space or network by key, and those that are not measured yet."""

    path: Path
    wanted: Mapping[str, Unit]
    units: Mapping[str, Unit]
    timer: Timer

    @property
    def least_s(self) -> float:
        """Minimum seconds of measurement."""
        return len(self.units) * PLAN.rounds * PLAN.seconds


def cache_folder() -> Path:
    """The folder of cached tables: `$XDG_CACHE_HOME/archdsl`, by default `~/.cache/archdsl`."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(root) / "archdsl"


def missing(space: Space) -> Ahead:
    """The units of a space that are missing in this machine's table.

    Each device, runtime version and protocol has its own file. Raises SpecError: ARCH823 for a missing
    runtime, ARCH820 for a damaged file.
    """
    runtimes.find(TIMER.backend)
    return _ahead(space_keys(space, random.Random(0)).units)


def missing_of(network: Network, known: Table) -> Ahead:
    """The units of a network without a row in `known`; of these, those missing in this machine's table.

    Raises SpecError as `missing`.
    """
    runtimes.find(TIMER.backend)
    rows = known.by_key()
    return _ahead({key: unit for key, unit in network_keys([network]).items() if key not in rows})


def _ahead(wanted: Mapping[str, Unit]) -> Ahead:
    conditions = json.dumps(build.conditions_of(TIMER), sort_keys=True)
    path = cache_folder() / f"latency-{hashlib.sha256(conditions.encode()).hexdigest()[:16]}.json"
    rows = table.read(path).by_key() if path.exists() else {}
    lacking = {
        key: unit
        for key, unit in wanted.items()
        if key not in rows or (rows[key].failed is None and len(rows[key].passes) < PLAN.rounds)
    }
    return Ahead(path, wanted, lacking, TIMER)


def complete(ahead: Ahead, progress: Callable[[build.BuildProgress], None] | None = None) -> Table:
    """Measures missing rows, resuming an interrupted run; returns a table of the requested rows only."""
    passive_waiting()
    if ahead.units:
        ahead.path.parent.mkdir(parents=True, exist_ok=True)
        build.build(ahead.path, ahead.units.values(), ahead.timer, plan=PLAN, progress=progress)
    found = table.read(ahead.path)
    return found.model_copy(update={"rows": [row for row in found.rows if row.key in ahead.wanted]})
