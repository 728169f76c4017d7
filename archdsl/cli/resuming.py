"""The error for resuming a run without SPEC."""

from __future__ import annotations

import shlex
from pathlib import Path

import click


def without_spec(resume: Path | None, kind: str) -> click.UsageError:
    """The error for a command without SPEC; it shows by which command the run to resume was started.

    SPEC is required, since the manifest of a run records the text of the spec only, which cannot be evaluated
    if it imports other files.
    """
    if resume is None:
        return click.UsageError("missing argument SPEC")
    return click.UsageError(
        f"--resume continues a run with its spec: archdsl {kind} SPEC --resume {shlex.quote(str(resume))}"
        + _started_by(resume, kind)
    )


def _started_by(resume: Path, kind: str) -> str:
    from archdsl.runs.manifest import read_manifest
    from archdsl.search.repeats import RepeatedFolder

    folder = next(iter(RepeatedFolder(resume).started()), resume) if kind == "search" else resume
    if not (folder / "manifest.json").exists():
        return ""
    command = read_manifest(folder / "manifest.json", kind).command
    return f"; it was started by: {shlex.join(command)}" if command else ""
