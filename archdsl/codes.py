"""Every diagnostic code and its one-phrase title; each has a page in `docs/errors`.

ARCH0xx files and imports, 1xx syntax, 2xx names, kinds, settings and units, 3xx shapes, 4xx decisions and
requirements, 5xx networks given as decisions, 6xx searches, 7xx budgets, 8xx backends.
"""

from __future__ import annotations

from pathlib import Path

from archdsl.resources import errors_folder

# fmt: off
CODES: dict[str, str] = {
}
# fmt: on


def page(code: str) -> Path:
    """The documentation page of a code, in the wheel or in a checkout."""
    return errors_folder() / f"{code}.md"
