"""Creates the engine of a search."""

from __future__ import annotations

from collections.abc import Callable

from archdsl.runs.reporter import Reporter
from archdsl.search.engines.base import Done, Engine, Task
from archdsl.search.engines.choice import EngineChoice
from archdsl.search.engines.in_process import InProcess
from archdsl.search.engines.worker_setup import WorkerSetup


def make_engine(
    choice: EngineChoice, setup: WorkerSetup, evaluate: Callable[[Task], Done], reporter: Reporter
) -> Engine:
    """Creates the engine that `choice` names.

    `setup` is the setup of workers, `evaluate` evaluates a task in the process of the search. Raises
    SpecError: ARCH956 if the engine cannot run here, ARCH957 if a package is missing.
    """
    if choice.name == "workers":
        from archdsl.search.engines.workers import Workers, visible

        count = choice.workers or 1
        return Workers(setup, count, visible(count, choice.gpus, setup.device))
    if choice.name == "folder":
        from archdsl.search.engines.shared_folder import LEASE_S, SharedFolder

        return SharedFolder(setup, choice.lease_s or LEASE_S, reporter)
    if choice.name == "ray":
        from archdsl.search.engines.ray_cluster import RayCluster

        return RayCluster(setup, choice.workers, choice.address, choice.gpus)
    return InProcess(evaluate)
