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
}
# fmt: on


def page(code: str) -> Path:
    """The documentation page of a code, in the wheel or in a checkout."""
    return errors_folder() / f"{code}.md"
