"""Timing: a piece of a network, or a whole one, as a function that runs it once, and how often it is run.

torch and onnxruntime are imported here, when something is timed.

A run is timed by the CPU time of its thread where one thread computes: what other programs do on the same
core is then not counted.  Its wall-clock time says whether it was disturbed.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.devices.table import Pass
from archdsl.ir.graph import Graph

Run = Callable[[], None]

DISTURBED = 1.05
"""A run whose wall-clock time is more than this factor of its CPU time was interrupted."""

SHORTEST_S = 100e-6  # what is shorter is run several times for one reading of the clocks


@dataclass(frozen=True)
class Timer:
    """Makes runs of graphs on one backend, and times them."""

    backend: str
    threads: int = 1
    batch: int = 1
    device: str = "cpu"

    def prepare(self, graph: Graph) -> Run:
        """A function that runs the network once, on inputs of its declared sizes.

        Raises whatever the runtime raises where it cannot.
        """
        if self.backend == "onnxruntime":
            return _onnxruntime(graph, self.threads, self.batch)
        return _torch(graph, self)

    def time(self, run: Run, seconds: float, least: int) -> Pass:
        """Runs for about `seconds`, but at least `least` times; milliseconds of one run."""
        times = (
            _cuda_times(run, seconds, least)
            if self.device == "cuda"
            else self._cpu_times(run, seconds, least)
        )
        ordered = sorted(ms for ms, _ in times)
        quartiles = statistics.quantiles(ordered, n=4) if len(ordered) > 1 else [ordered[0]] * 3
        return Pass(
            median_ms=statistics.median(ordered),
            low_ms=ordered[len(ordered) // 10],
            iqr_ms=quartiles[2] - quartiles[0],
            runs=len(ordered),
            disturbed=sum(wall > DISTURBED * ms for ms, wall in times) / len(times),
        )

    def _cpu_times(self, run: Run, seconds: float, least: int) -> list[tuple[float, float]]:
        """Milliseconds of each run, and by the wall clock."""
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
    """Between events on the stream, after the clocks have had time to rise."""
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


def _onnxruntime(graph: Graph, threads: int, batch: int) -> Run:
    """All graph optimisations, as deployed; inputs and outputs lie in memory that is allocated beforehand."""
    import numpy as np
    import onnxruntime

    from archdsl.backends import onnx_direct

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    model = onnx_direct.model(graph, batch=batch)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    generator = np.random.default_rng(0)
    binding: Any = session.io_binding()
    held = []
    for value in session.get_inputs():
        data = generator.standard_normal(value.shape, np.float32)
        held.append(onnxruntime.OrtValue.ortvalue_from_numpy(data))
        binding.bind_ortvalue_input(value.name, held[-1])
    for value in session.get_outputs():
        held.append(onnxruntime.OrtValue.ortvalue_from_numpy(np.empty(value.shape, np.float32)))
        binding.bind_ortvalue_output(value.name, held[-1])

    def run(held: Sequence[Any] = held) -> None:
        session.run_with_iobinding(binding)

    return run


def _torch(graph: Graph, timer: Timer) -> Run:
    import torch

    from archdsl.backends.torch_module import build

    torch.set_num_threads(timer.threads)
    module: Any = build(graph).eval().to(timer.device)
    shapes = [(timer.batch, *shape) for shape in graph.inputs.values()]
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(shape, generator=generator).to(timer.device) for shape in shapes]
    if timer.backend == "compile":
        module = torch.compile(module)

    def run() -> None:
        with torch.inference_mode():
            module(*inputs)

    return run


def passive_waiting() -> Mapping[str, str]:
    """Sets what makes threads of OpenMP wait without spinning; before torch is imported.  Returns it."""
    wanted = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    return wanted
