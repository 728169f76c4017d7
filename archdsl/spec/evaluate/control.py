"""Exceptions that abort evaluation."""

from __future__ import annotations

from archdsl.diagnostics import SpecError


class Poisoned(Exception):
    """An expression read a value whose error is already reported, so that it has no value either."""


class Fatal(Exception):
    """An error that ends evaluation, such as an exceeded budget."""

    def __init__(self, error: SpecError):
        super().__init__(str(error))
        self.error = error
