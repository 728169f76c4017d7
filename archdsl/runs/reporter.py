"""The interface through which a run reports facts, warnings, diagnostics of data, and progress of timing."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.diagnostics import Diagnostic


class Reporter:
    """Ignores all reports; the command line overrides methods to print them."""

    def info(self, line: str) -> None:
        """Reports a fact about the run."""

    def warn(self, line: str) -> None:
        """Reports a warning."""

    def findings(self, found: Sequence[Diagnostic]) -> None:
        """Reports warnings and notes about the data."""

    def timing(self, op: str, share: float, seconds_left: float) -> None:
        """Reports that an op of a latency table is being timed; `share`, 0 to 1, of the table is done."""

    def timed(self) -> None:
        """Reports that the timing of the latency table has ended."""
