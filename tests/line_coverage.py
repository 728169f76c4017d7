"""`pytest --coverage=PERCENT`: which lines of archdsl run in the tests, and failure if fewer than PERCENT do.

SlipCover notes lines by instrumented bytecode, and by `sys.monitoring` where Python has it; this takes about
2 % of the time of the tests, and 5 s when a process starts. coverage.py, whose tracer Python 3.11 calls at
every line, takes half as much as the tests. SlipCover's own command is not used: in processes of pytest-xdist
it removes the instructions of noted lines again and again, since not all functions are found whose lines ran
(tests of many modules took twice as long; without removal they take a sixth longer), and pytest warns about
its import, which fails the tests. Processes that tests start are not measured.
"""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import slipcover

PACKAGE = Path(__file__).parents[1] / "archdsl"
SECONDS_BETWEEN = 10
"""Removing instructions takes 0.03 s."""
NEVER = 2**30
"""The number of runs of an instruction after it was removed at which SlipCover looks for further ones."""
NOT_COUNTED = ["if TYPE_CHECKING:", r"\.\.\.$"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--coverage",
        type=float,
        metavar="PERCENT",
        help="measure which lines of archdsl run, and fail if fewer than PERCENT of them do",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--coverage") is not None:
        kind = Worker if hasattr(config, "workerinput") else Main
        config.pluginmanager.register(kind(config))


class Measured:
    """Instruments what is imported from now on: tests, and with them archdsl, are imported later."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.lines = slipcover.Slipcover(d_miss_threshold=NEVER, exclude_lines=NOT_COUNTED)
        self.since = time.monotonic()
        self.imports = slipcover.ImportManager(self.lines, slipcover.FileMatcher(sources=[PACKAGE]))
        self.imports.__enter__()

    def pytest_unconfigure(self) -> None:
        self.imports.__exit__()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self) -> None:
        """Now and then removes the instructions of lines that ran, which `sys.monitoring` does by itself."""
        if sys.version_info < (3, 12) and time.monotonic() - self.since > SECONDS_BETWEEN:
            self.lines.deinstrument_seen()
            self.since = time.monotonic()


class Worker(Measured):
    """A process of pytest-xdist: its lines go to the main process."""

    def pytest_sessionfinish(self) -> None:
        self.config.workeroutput["coverage"] = json.dumps(self.lines.get_coverage())


class Main(Measured):
    """The only process, or the one that hands tests to others: the report and the verdict."""

    def __init__(self, config: pytest.Config) -> None:
        super().__init__(config)
        self.least = config.getoption("--coverage")
        self.of_workers: list[dict[str, Any]] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        if hasattr(node, "workeroutput"):  # a process that crashed has none
            self.of_workers.append(json.loads(node.workeroutput["coverage"]))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.lines.source = [str(PACKAGE)]  # the lines of files that nobody imported count too
        self.found = self.lines.get_coverage()
        for lines in self.of_workers:
            slipcover.merge_coverage(self.found, lines)
        self.enough = self.found["summary"]["percent_covered"] >= self.least
        if not self.enough and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        table = io.StringIO()
        slipcover.print_coverage(self.found, outfile=table, skip_covered=True)
        percent = self.found["summary"]["percent_covered"]
        terminalreporter.section("lines not run")
        terminalreporter.write_line(table.getvalue())
        verdict = f"{percent:.2f} % of the lines ran; at least {self.least:g} % must"
        terminalreporter.write_line(verdict, green=self.enough, red=not self.enough)
