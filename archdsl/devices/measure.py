"""Measures the latency of networks and of pieces of networks.

Single-threaded runs are timed by the CPU time of the thread, which excludes other programs on the core;
wall-clock time is used to detect disturbed runs.
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
"""A run counts as disturbed if its wall-clock time exceeds its CPU time by this factor."""

SHORTEST_S = 100e-6  # shorter runs are repeated per clock reading


@dataclass(frozen=True)
class Timer:
    """Prepares and times graphs on the runtime `backend`, with threads, a batch size and a device."""

    backend: str
    threads: int = 1
    batch: int = 1
    device: str = "cpu"

    def prepare(self, graph: Graph) -> Run:
        """A function that runs the network once, on inputs of its declared sizes.

        Raises any exceptions of the runtime.
        """
        runtime = RUNTIMES[self.backend]
        return runtime.prepare(graph, threads=self.threads, batch=self.batch, device=self.device)

    def time(self, run: Run, seconds: float, least: int) -> Round:
        """Runs for about `seconds`, but at least `least` times; returns statistics of ms per run."""
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
        """Pairs of the CPU time (with one thread; otherwise the wall-clock time) and the wall-clock time of
        each run, in milliseconds.
        """
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
    """For each run, after ten warm-up runs, the milliseconds between a CUDA event before and one after it, as
    both elements of a pair (as `_cpu_times` returns CPU and wall-clock time).
    """
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
    """Sets and returns the environment variables that make OpenMP threads wait passively.

    Must be called before torch is imported.
    """
    wanted = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    return wanted
