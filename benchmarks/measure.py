"""Measuring side by side: things to compare take turns, and the medians of their CPU times are compared.

CPU time of one thread is what is measured: it does not count the time that other programs take.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
SPECS = Path(__file__).parent.parent / "specs"


def one_thread() -> None:
    """To be called before torch is imported: one thread, which does not wait by spinning."""
    os.environ.update(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="passive")


def in_turns(tasks: Mapping[str, Callable[[], object]], rounds: int, warm: int = 2) -> dict[str, list[float]]:
    """CPU seconds of each task in each round; in every other round the tasks run in reverse order."""
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for task in tasks.values():
        for _ in range(warm):
            task()
    for number in range(rounds):
        for name in list(tasks) if number % 2 else reversed(tasks):
            gc.collect()
            start = time.process_time()
            tasks[name]()
            taken[name].append(time.process_time() - start)
    return taken


def median(seconds: Sequence[float]) -> float:
    return statistics.median(seconds)


def ratio(one: Sequence[float], other: Sequence[float]) -> float:
    """The median of the ratios round by round: what slows a whole round cancels out."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def save(name: str, figures: Mapping[str, Any]) -> None:
    """Writes the raw figures of a benchmark, with what they were measured on."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    text = json.dumps({"machine": machine(), **figures}, indent=1)
    path.write_text(text + "\n", "utf-8")
    print(f"saved {path}")


def machine() -> dict[str, str | int]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("torch", "lark")},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
