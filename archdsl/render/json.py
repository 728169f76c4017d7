"""Formats diagnostics and reports as JSON; the format is described in `docs/output.md`.

Every document has `format` (its kind) and `version` (increased when the meaning of a field changes or a field
is removed; new fields may be added at any time). Numbers that can exceed 2**53, such as the size of a space,
are strings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from archdsl.codes import CODES
from archdsl.diagnostics import Diagnostic, Label, Location

VERSION = 1
_CONTROL = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def document(kind: str, /, **fields: Any) -> str:
    """A JSON document of a kind (`check`, `explain`, …), indented, ending with a line break."""
    whole = {"format": f"archdsl/{kind}", "version": VERSION, **fields}
    return text_of(whole) + "\n"


def text_of(value: Any) -> str:
    """Formats a value as indented JSON, with control characters escaped."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def render(diagnostics: Iterable[Diagnostic]) -> str:
    """A JSON document with diagnostics only."""
    return document("diagnostics", diagnostics=[as_data(d) for d in diagnostics])


def as_data(d: Diagnostic) -> dict[str, Any]:
    """A diagnostic as JSON values."""
    return {
        "code": d.code,
        "title": CODES.get(d.code),
        "severity": d.severity,
        "headline": d.headline,
        "primary": d.primary and _label(d.primary),
        "secondary": [_label(label) for label in d.secondary],
        "trace": [_label(label) for label in d.trace],
        "witness": [{"decision": path, "outcome": outcome} for path, outcome in d.witness],
        "help": d.help,
        "fix": d.fix and {
            "title": d.fix.title,
            "edits": [{"location": _location(where), "text": text} for where, text in d.fix.edits],
        },
    }  # fmt: skip


def _label(label: Label) -> dict[str, Any]:
    return {"text": label.text, "location": _location(label.location)}


def _location(location: Location) -> dict[str, Any]:
    return {
        "file": location.source.name,
        "start": _point(location, location.start),
        "end": _point(location, location.end),
    }


def _point(location: Location, offset: int) -> dict[str, int]:
    line, column = location.source.line_column(offset)
    return {"line": line, "column": column, "offset": offset}
