"""Exceptions that abort the evaluation of an expression or of the spec."""

from __future__ import annotations

from archdsl.diagnostics import SpecError


class Poisoned(Exception):
    """Raised where an expression reads a value whose error is already reported; it has no value."""


class Fatal(Exception):
    """Raised for an error that ends the evaluation, such as an exceeded budget."""

    def __init__(self, error: SpecError):
        super().__init__(str(error))
        self.error = error
