"""Formats diagnostics as SARIF 2.1.0 (OASIS), a format that code hosts and editors read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from archdsl.codes import CODES, page
from archdsl.diagnostics import Diagnostic, Fix, Label, Location
from archdsl.render.json import text_of

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(diagnostics: Iterable[Diagnostic], *, version: str) -> str:
    """A SARIF log of one run of archdsl `version`, indented, ending with a line break."""
    found = tuple(diagnostics)
    codes = sorted({d.code for d in found})
    driver = {"name": "archdsl", "version": version, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(d, codes.index(d.code)) for d in found],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return text_of(log) + "\n"


def _rule(code: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": code}
    if code in CODES:
        rule["shortDescription"] = {"text": CODES[code]}
    where = page(code)
    if where.is_file():
        text = where.read_text("utf-8")
        rule["helpUri"] = where.as_uri()
        rule["help"] = {"text": text, "markdown": text}
    return rule


def _result(d: Diagnostic, rule_index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": d.code,
        "ruleIndex": rule_index,
        "level": d.severity,
        "message": {"text": _message(d)},
        "locations": [{"physicalLocation": _physical(d.primary.location)}] if d.primary else [],
    }
    related = [_related(n, label) for n, label in enumerate((*d.secondary, *d.trace), 1)]
    if related:
        result["relatedLocations"] = related
    if d.witness:
        result["properties"] = {"decisions": dict(d.witness)}
    if d.fix:
        result["fixes"] = [_fix(d.fix)]
    return result


def _message(d: Diagnostic) -> str:
    parts = [d.headline]
    if d.primary and d.primary.text:
        parts.append(d.primary.text)
    if d.witness:
        parts.append("decisions: " + ", ".join(f"{path} = {outcome}" for path, outcome in d.witness))
    if d.help:
        parts.append(f"help: {d.help}")
    return _plain("\n".join(parts))


def _plain(text: str) -> str:
    """Escapes text such as `x[1](y)`, which SARIF would interpret as a link (section 3.11.6)."""
    return re.sub(r"\[([^\[\]]*)\](?=\()", r"\\[\1\\]", text)


def _related(number: int, label: Label) -> dict[str, Any]:
    related: dict[str, Any] = {"id": number, "physicalLocation": _physical(label.location)}
    if label.text:
        related["message"] = {"text": _plain(label.text)}
    return related


def _physical(location: Location) -> dict[str, Any]:
    return {"artifactLocation": {"uri": _uri(location.source.name)}, "region": _region(location)}


def _region(location: Location) -> dict[str, int]:
    line, column = location.source.line_column(location.start)
    end_line, end_column = location.source.line_column(location.end)
    return {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}


def _uri(name: str) -> str:
    path = Path(name)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _fix(fix: Fix) -> dict[str, Any]:
    by_file: dict[str, list[tuple[Location, str]]] = {}
    for where, text in fix.edits:
        by_file.setdefault(where.source.name, []).append((where, text))
    changes = [
        {"artifactLocation": {"uri": _uri(name)}, "replacements": _replacements(edits)}
        for name, edits in by_file.items()
    ]
    return {"description": {"text": _plain(fix.title)}, "artifactChanges": changes}


def _replacements(edits: Sequence[tuple[Location, str]]) -> list[dict[str, Any]]:
    return [{"deletedRegion": _region(where), "insertedContent": {"text": text}} for where, text in edits]
