"""Measures networks and pieces of networks.

Single-threaded runs are timed by thread CPU time, which excludes other programs on the core; wall-clock time
detects disturbed runs.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archdsl.devices.runtimes import RUNTIMES, Run
from archdsl.devices.table import Round
from archdsl.ir.graph import Graph

DISTURBED = 1.05
"""A run is disturbed if its wall-clock time exceeds its CPU time by this factor."""

SHORTEST_S = 100e-6  # shorter runs are repeated per clock reading


@dataclass(frozen=True)
class Timer:
    """Prepares and times runs of graphs on one runtime, `backend`."""

    backend: str
    threads: int = 1
    batch: int = 1
    device: str = "cpu"

    def prepare(self, graph: Graph) -> Run:
        """A function that runs the network once, on inputs of its declared sizes.

        Raises the runtime's exceptions.
        """
        runtime = RUNTIMES[self.backend]
        return runtime.prepare(graph, threads=self.threads, batch=self.batch, device=self.device)

    def time(self, run: Run, seconds: float, least: int) -> Round:
        """Runs for about `seconds`, but at least `least` times; returns milliseconds per run."""
        times = (
            _cuda_times(run, seconds, least)
            if self.device == "cuda"
            else self._cpu_times(run, seconds, least)
        )
        ordered = sorted(ms for ms, _ in times)
        quartiles = statistics.quantiles(ordered, n=4) if len(ordered) > 1 else [ordered[0]] * 3
        return Round(
            median_ms=statistics.median(ordered),
            low_ms=ordered[len(ordered) // 10],
            iqr_ms=quartiles[2] - quartiles[0],
            runs=len(ordered),
            disturbed=sum(wall > DISTURBED * ms for ms, wall in times) / len(times),
        )

    def _cpu_times(self, run: Run, seconds: float, least: int) -> list[tuple[float, float]]:
        """CPU and wall-clock milliseconds of each run."""
        clock = time.thread_time_ns if self.threads == 1 else time.perf_counter_ns
        start = time.perf_counter_ns()
        run()
        once = (time.perf_counter_ns() - start) * 1e-9
        inner = max(1, int(SHORTEST_S / max(once, 1e-7)))
        times: list[tuple[float, float]] = []
        end = time.perf_counter() + seconds
        while len(times) < least or time.perf_counter() < end:
            wall, begin = time.perf_counter_ns(), clock()
            for _ in range(inner):
                run()
            spent, all_spent = clock() - begin, time.perf_counter_ns() - wall
            times.append((spent / inner * 1e-6, all_spent / inner * 1e-6))
        return times


def _cuda_times(run: Run, seconds: float, least: int) -> list[tuple[float, float]]:
    """Times between CUDA events, after a warm-up of the clocks."""
    import torch

    event: Any = torch.cuda.Event
    for _ in range(10):
        run()
    torch.cuda.synchronize()
    times: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        before, after = event(enable_timing=True), event(enable_timing=True)
        before.record()
        run()
        after.record()
        after.synchronize()
        spent = before.elapsed_time(after)
        times.append((spent, spent))
    return times


def passive_waiting() -> Mapping[str, str]:
    """Sets environment variables with which OpenMP threads wait passively, before torch is imported.

    Returns these variables.
    """
    wanted = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    return wanted
