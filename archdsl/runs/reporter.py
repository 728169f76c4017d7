"""Callbacks for messages of a run: facts, warnings, data diagnostics, and timings."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.diagnostics import Diagnostic


class Reporter:
    """Ignores all reports; the command line overrides methods to print them."""

    def info(self, line: str) -> None:
        """A fact about the run."""

    def warn(self, line: str) -> None:
        """A warning."""

    def findings(self, found: Sequence[Diagnostic]) -> None:
        """Warnings and notes about the data."""

    def timing(self, op: str, share: float, seconds_left: float) -> None:
        """An op of a latency table is being timed; `share` of the table is done."""

    def timed(self) -> None:
        """The table is complete."""
