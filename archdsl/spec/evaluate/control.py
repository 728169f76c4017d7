"""Ways out of evaluation."""

from __future__ import annotations

from archdsl.diagnostics import SpecError


class Poisoned(Exception):
    """A value was read whose computation is already reported as an error."""


class Fatal(Exception):
    """An error after which nothing more is evaluated: a budget was passed."""

    def __init__(self, error: SpecError):
        super().__init__(str(error))
        self.error = error
