"""The engine for Ray: actors evaluate networks, on a local head node or on a cluster.

Tasks and results are exchanged as lines of JSON. A local head node listens on the loopback interface only,
without dashboard, and without reporting usage.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.search.engines.base import Done, Failure, Task
from archdsl.search.engines.worker_setup import GRACE_S, WorkerSetup, is_spent
from archdsl.search.engines.workers import LOST, STARTS, WAIT_S, module_path, threads_of
from archdsl.search.trials.worker_evaluator import worker_evaluator

CLIENT_PORT = 10001
"""The port on which a cluster accepts drivers outside of it (`ray start --ray-client-server-port`)."""
_REACHED_S = 5.0
_LOCAL = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray's word for: the address of this machine is that of its loopback interface.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
}
_STORE = 80 * 2**20
"""The size of Ray's object store in bytes; small, since only lines of text are stored."""


class RayCluster:
    """Evaluates networks by `count` actors of one CPU each (None: as many as the cluster can run).

    `address` is the address of a cluster; without one, a local head node is started, and stopped by `close`.
    `gpus` is the number of GPUs of an actor, and may be a fraction. Raises SpecError: ARCH957 if Ray is not
    installed, ARCH956 if the cluster is not usable.
    """

    def __init__(
        self, setup: WorkerSetup, count: int | None, address: str | None = None, gpus: float | None = None
    ):
        self._slots: list[_Slot] = []
        self._ahead: deque[Task] = deque()
        self._unopened = 0
        self.ray = _installed()
        with _own_signals():
            self._owned = _joined(self.ray, address, count)
        there = self.ray.cluster_resources()
        self.gpus = gpus if gpus is not None else min(1.0, there.get("GPU", 0.0))
        self.count = count or _fitting(there, self.gpus)
        if self.gpus > there.get("GPU", 0.0):
            self.close()
            headline = f"a trial needs {self.gpus:g} GPUs, but the cluster has {there.get('GPU', 0.0):g}"
            raise SpecError([Diagnostic("ARCH956", headline, help="lower --gpus-per-trial")])
        self._setup = json.dumps(setup.plain()), json.dumps(_texts(setup.run))
        self._actor = self.ray.remote(num_cpus=1, num_gpus=self.gpus, max_concurrency=2)(Actor)

    def submit(self, task: Task) -> None:
        self._ahead.append(task)
        self._hand_out()

    def collect(self) -> list[Done]:
        """Returns results, as `Engine.collect`. Raises SpecError if actors cannot open the run."""
        self._hand_out()
        at_work = {slot.result: slot for slot in self._slots if slot.result is not None}
        if not at_work:
            return []
        ready, _ = self.ray.wait(list(at_work), num_returns=1, timeout=WAIT_S)
        if len(at_work) > 1 and ready:
            ready, _ = self.ray.wait(list(at_work), num_returns=len(at_work), timeout=0)
        found = [done for result in ready if (done := self._heard(at_work[result])) is not None]
        self._hand_out()
        return found

    def recorded(self, numbers: Iterable[int]) -> None:
        pass

    def close(self) -> None:
        busy = [slot for slot in self._slots if slot.task is not None]
        for slot in busy:
            slot.actor.stop.remote()  # it ends by itself, with the program that it may run
        if busy:
            self.ray.wait([slot.result for slot in busy], num_returns=len(busy), timeout=GRACE_S)
        for slot in self._slots:
            self.ray.kill(slot.actor)
        self._slots.clear()
        self._ahead.clear()
        if self._owned:
            self._owned = False
            self.ray.shutdown()

    def _hand_out(self) -> None:
        """Assigns tasks to idle actors, and starts actors for the remaining ones."""
        for slot in self._slots:
            if slot.result is None and self._ahead:
                slot.task = self._ahead.popleft()
                slot.result = slot.actor.evaluate.remote(json.dumps(slot.task.plain()))
        pending = sum(slot.task is None for slot in self._slots)
        for _ in range(min(len(self._ahead) - pending, self.count - len(self._slots))):
            actor = self._actor.remote()
            self._slots.append(_Slot(actor, actor.open.remote(*self._setup)))

    def _heard(self, slot: _Slot) -> Done | None:
        """Processes a message of an actor: returns its result; None if it opened the run, or ended before.

        Raises SpecError if the actor cannot open the run.
        """
        task, result = slot.task, slot.result
        slot.task = slot.result = None
        try:
            message: Mapping[str, Any] = json.loads(self.ray.get(result))
        except self.ray.exceptions.RayError as error:
            self._slots.remove(slot)
            if task is None:
                self._demand_starts(error)
                return None
            return Done(task.number, {}, Failure("lost", LOST, str(error)), 0.0, "ray")
        if "refused" in message:
            refused = message["refused"]
            raise SpecError([Diagnostic(refused["code"], refused["headline"], help=refused["help"])])
        if "done" not in message:
            self._unopened = 0
            return None
        if message["spent"]:
            self._slots.remove(slot)
            self.ray.kill(slot.actor)
        return Done.of(message["done"])

    def _demand_starts(self, error: Exception) -> None:
        self._unopened += 1
        if self._unopened == STARTS:
            headline = f"{STARTS} actors in a row exited during start-up, before loading the run"
            raise SpecError([Diagnostic("ARCH956", headline, help=str(error)[-2_000:])])


@dataclass(eq=False)
class _Slot:
    """An actor with its pending result, if any, and its task, which is None while the actor opens the run."""

    actor: Any
    result: Any
    task: Task | None = None


class Actor:
    """Evaluates networks in a process of Ray; `stop` may be called while `evaluate` is running."""

    def __init__(self) -> None:
        self._left = threading.Event()

    def open(self, setup: str, texts: str) -> str:
        """Opens the run, from copies of its files (`texts`) if its folder is not visible on this machine."""
        found = WorkerSetup.of(json.loads(setup))
        os.environ.update(threads_of(found.threads))  # before torch is imported
        try:
            self._evaluate = worker_evaluator(
                found._replace(run=_seen(found.run, json.loads(texts))), self._left.is_set
            )
        except SpecError as error:
            first = error.diagnostics[0]
            refused = {"code": first.code, "headline": first.headline, "help": first.help}
            return json.dumps({"refused": refused})
        return json.dumps({"ready": True})

    def stop(self) -> None:
        self._left.set()

    def evaluate(self, task: str) -> str:
        done = self._evaluate(Task.of(json.loads(task)))
        return json.dumps({"done": done.plain(), "spent": is_spent(done)})


def _installed() -> Any:
    """Imports Ray, configured so that a head node that it starts is local. Raises SpecError (ARCH957)."""
    if "ray" not in sys.modules:
        os.environ.update(_LOCAL)
    try:
        import ray
    except ImportError as error:
        help = "pip install 'archdsl[ray]'"
        raise SpecError([Diagnostic("ARCH957", "Ray is not installed", help=help)]) from error
    return ray


@contextmanager
def _own_signals() -> Iterator[None]:
    """A context manager that restores the handler of SIGTERM at the end, as Ray's handler ends the process at
    once.
    """
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _same_modules() -> Iterator[None]:
    """A context manager in which processes started by Ray get the module path of this process."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = module_path()
    try:
        yield
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before


def _joined(ray: Any, address: str | None, count: int | None) -> bool:
    """Connects to a cluster, or starts a head node; returns whether it must be shut down at the end.

    Raises SpecError (ARCH956) if no cluster is found.
    """
    if ray.is_initialized():  # by the program that calls us
        return False
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if address is None:
        cpus = max(count or 1, os.cpu_count() or 1)
        with _same_modules():
            ray.init("local", num_cpus=cpus, include_dashboard=False, object_store_memory=_STORE, **quiet)
        if not ray.util.get_node_ip_address().startswith("127."):
            ray.shutdown()
            headline = "Ray would listen on network interfaces other than loopback"
            help = "import archdsl and start the search before anything else imports ray"
            raise SpecError([Diagnostic("ARCH956", headline, help=help)])
        return True
    try:
        if address != "auto":
            _demand_reached(address)
        outside = address.endswith(f":{CLIENT_PORT}")
        ray.init(f"ray://{address}" if outside else address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        headline = f"no Ray cluster found at {address}"
        help = (
            f"{error}; HOST:6379, as `ray start` prints it, on a machine of the cluster;"
            f" HOST:{CLIENT_PORT} from outside of it"
        )
        raise SpecError([Diagnostic("ARCH956", headline, help=help)]) from error
    return True


def _demand_reached(address: str) -> None:
    """Raises OSError if nothing listens at an address, ValueError for an invalid address.

    Ray itself would wait for a minute.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f"`{address}` has no port")
    socket.create_connection((host.strip("[]"), int(port)), timeout=_REACHED_S).close()


def _fitting(there: Mapping[str, float], gpus: float) -> int:
    """The number of trials that a cluster with these resources can run at the same time."""
    cpus = int(there.get("CPU", 1.0))
    return max(1, min(cpus, int(there.get("GPU", 0.0) / gpus)) if gpus else cpus)


def _texts(run: Path) -> dict[str, str]:
    """The texts of the files needed to open a run, by their paths in the run folder."""
    paths = [run / "manifest.json", run / "latency.json", *run.rglob("*.arch")]
    return {path.relative_to(run).as_posix(): path.read_text("utf-8") for path in paths if path.exists()}


def _seen(run: Path, texts: Mapping[str, str]) -> Path:
    """The run folder, or, if it is not visible on this machine, a folder with copies of the files `texts`."""
    manifest = run / "manifest.json"
    if manifest.exists() and manifest.read_text("utf-8") == texts["manifest.json"]:
        return run
    copy = Path(tempfile.mkdtemp(prefix="archdsl-"))
    for name, text in texts.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(text, "utf-8")
    return copy
