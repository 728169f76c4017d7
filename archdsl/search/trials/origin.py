"""Creates the manifest of a search by trials, the record of its inputs."""

from __future__ import annotations

import hashlib
import sys

from archdsl.ir.text import dump
from archdsl.program import Program
from archdsl.runs.manifest import Manifest, described, manifest
from archdsl.search.options import SearchOptions
from archdsl.search.terms import recorded
from archdsl.search.trials.inputs import Inputs


def origin(program: Program, inputs: Inputs, options: SearchOptions, table_sha256: str | None) -> Manifest:
    """The manifest of a search; `table_sha256` is the hash of its latency tables."""
    config, space = inputs.config, inputs.space
    goals = config.goals.objectives
    settings = {
        "space": space.name, "strategy": recorded(config.strategy), "evaluate": recorded(config.evaluator),
        "objectives": [[goal.direction, recorded(goal.value)] for goal in goals],
        "requirements": recorded(config.goals.requirements), "trials": config.trials,
        "parallel": config.parallel, "space settings": {k: str(v) for k, v in space.settings.items()},
        "latency table sha256": table_sha256, **options.recorded(),
    }  # fmt: skip
    if inputs.splits is not None:
        kept = {key: value for key, value in config.goals.data_settings.items() if key != "path"}
        settings |= {"data settings": recorded(kept), "batch": config.goals.batch}
    return manifest(
        "search", name=config.goals.name, spec=program.unit.source.text,
        spec_sha256=hashlib.sha256(dump(space.graph).encode()).hexdigest(),
        data=described(inputs.splits) if inputs.splits is not None else {}, settings=settings,
        seed=inputs.seed, device=options.device or "cpu", command=options.command or tuple(sys.argv),
    )  # fmt: skip
