"""The engine in the process of the search: evaluates networks sequentially."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from archdsl.search.engines.base import Done, Task


class InProcess:
    """Evaluates a task in this process when its result is requested."""

    def __init__(self, evaluate: Callable[[Task], Done]):
        self.evaluate = evaluate
        self._ahead: deque[Task] = deque()

    def submit(self, task: Task) -> None:
        self._ahead.append(task)

    def collect(self) -> list[Done]:
        return [self.evaluate(self._ahead.popleft())] if self._ahead else []

    def recorded(self, numbers: Iterable[int]) -> None:
        pass

    def close(self) -> None:
        self._ahead.clear()
