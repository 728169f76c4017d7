"""Every diagnostic code and its one-phrase title; each has a page in `docs/errors`.

ARCH0xx files and imports, 1xx syntax, 2xx names, kinds, settings and units, 3xx shapes, 4xx decisions and
requirements, 5xx networks given as decisions, 6xx searches, 7xx budgets, 8xx backends.
"""

from __future__ import annotations

from pathlib import Path

from archdsl.resources import errors_folder

# fmt: off
CODES: dict[str, str] = {
    "ARCH301": "channels do not agree",
    "ARCH302": "heights or widths do not agree",
    "ARCH303": "nothing is left of a tensor",
    "ARCH310": "groups do not divide channels",
    "ARCH311": "channels are no multiple of what is tiled",
    "ARCH312": "channels do not fill the pixels they are to become",
    "ARCH320": "a resized map has no whole number of pixels",
    "ARCH321": "unclear what to resize to",
    "ARCH330": "a stride does not divide a size",
    "ARCH801": "a network is too large to be built",
    "ARCH850": "the text of a graph is malformed",
    "ARCH851": "a graph is too large for its text form",
}
# fmt: on


def page(code: str) -> Path:
    """The documentation page of a code, in the wheel or in a checkout."""
    return errors_folder() / f"{code}.md"


_GROUPS = {
    "0": "Files and imports",
    "1": "Syntax",
    "2": "Names, kinds, settings and units",
    "3": "Shapes",
    "4": "Decisions and requirements",
    "5": "Networks given as decisions",
    "6": "Searches",
    "7": "Limits",
    "8": "Backends",
}


def index() -> str:
    """The list of all codes, `docs/errors/index.md`."""
    lines = [
        "# Error codes",
        "",
        "Every finding has a code that never changes its meaning. `archdsl explain CODE` prints its page.",
    ]
    for digit, title in _GROUPS.items():
        codes = [code for code in sorted(CODES) if code[4] == digit]
        if codes:
            lines += ["", f"## {title}", "", *(f"- [{code}]({code}.md): {CODES[code]}" for code in codes)]
    return "\n".join(lines) + "\n"
