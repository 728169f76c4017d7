"""The report section on reproducing a run."""

from __future__ import annotations

import json
import shlex
from typing import Any

from archdsl.report.run import Run
from archdsl.report.sheet import facts, folded, preformatted, scrolled


def again_html(run: Run) -> str:
    """The section as HTML: command, seed, device, machine, versions, data, settings, text of the spec."""
    m = run.manifest
    command = m.command if isinstance(m.command, str) else shlex.join(m.command)
    versions = ", ".join(f"{name} {version}" for name, version in m.versions.items())
    rows = {"seed": str(m.seed), "device": m.device, "machine": m.machine, "versions": versions}
    rows |= {f"data: {name}": _plain(value) for name, value in m.data.items()}
    settings = "\n".join(f"{name} = {_plain(value)}" for name, value in m.settings.items())
    return (
        scrolled(preformatted(command))
        + facts({name: value for name, value in rows.items() if value})
        + (folded("Settings", settings) if settings else "")
        + folded("The spec", m.spec)
    )


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)
