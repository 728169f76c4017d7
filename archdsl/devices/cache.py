"""The latency table of this machine in the user's cache, which all searches share."""

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
"""The timer of cached tables: one thread and one image, as the defaults of `archdsl latency build`."""
PLAN = TimingPlan()


@dataclass(frozen=True)
class Ahead:
    """The rows that a space or network needs, in the cached table `path`.

    `wanted` are all units by the hash of their key, `units` those that are not measured yet.
    """

    path: Path
    wanted: Mapping[str, Unit]
    units: Mapping[str, Unit]
    timer: Timer

    @property
    def least_s(self) -> float:
        """The minimum duration of measuring the missing rows, in seconds."""
        return len(self.units) * PLAN.rounds * PLAN.seconds


def cache_folder() -> Path:
    """The folder of cached tables: `$XDG_CACHE_HOME/archdsl`, by default `~/.cache/archdsl`."""
    root = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(root) / "archdsl"


def missing(space: Space) -> Ahead:
    """The rows of a space, and those that the cached table lacks.

    There is a cached table for each device, runtime version and measurement protocol. Raises SpecError:
    ARCH823 if the runtime is not installed, ARCH820 for a damaged file.
    """
    runtimes.find(TIMER.backend)
    return _ahead(space_keys(space, random.Random(0)).units)


def missing_of(network: Network, known: Table) -> Ahead:
    """The rows of a network that the table `known` lacks, and those of them that the cached table lacks too.

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
    """Measures missing rows, continuing interrupted measurements; returns a table of the wanted rows only."""
    passive_waiting()
    if ahead.units:
        ahead.path.parent.mkdir(parents=True, exist_ok=True)
        build.build(ahead.path, ahead.units.values(), ahead.timer, plan=PLAN, progress=progress)
    found = table.read(ahead.path)
    return found.model_copy(update={"rows": [row for row in found.rows if row.key in ahead.wanted]})
