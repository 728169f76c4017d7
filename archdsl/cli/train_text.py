"""Shows the progress of a training: as a bar on terminals, as lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from archdsl.cli.printing import progress_bars
from archdsl.render.terminal import clean, is_terminal
from archdsl.report.duration import duration

if TYPE_CHECKING:
    from archdsl.train.recipe import TrainProgress

Report = Callable[["TrainProgress"], None]

_EVERY = 10.0
"""The number of seconds between progress lines within an epoch."""


@contextmanager
def shown(first_step: int, steps: int, steps_per_epoch: int) -> Iterator[Report]:
    """A context manager that yields a progress callback.

    The callback draws a bar if standard error is a terminal, otherwise it prints lines to standard output.
    """
    if not is_terminal(sys.stderr):
        yield _Lines(steps_per_epoch).report
        return
    with progress_bars() as bars:
        task = bars.add_task("", total=steps, completed=first_step)
        best = ""

        def report(now: TrainProgress) -> None:
            nonlocal best
            if now.scores:
                name, score = next(iter(now.scores.items()))
                best = f"{name} {score:.3f}"
                bars.console.print(clean(evaluated(now)))
                return
            text = f"epoch {now.epoch}  loss {now.loss:.3f}  {best}"
            bars.update(task, completed=now.step, description=clean(text))

        yield report


class _Lines:
    def __init__(self, steps_per_epoch: int):
        self.steps_per_epoch = steps_per_epoch
        self.losses: list[float] = []
        self.begin = self.last = time.monotonic()
        self.done = 0

    def report(self, now: TrainProgress) -> None:
        if now.scores:
            click.echo(evaluated(now))
            return
        self.losses.append(now.loss)
        self.done += 1
        ends = now.step % self.steps_per_epoch == 0
        if ends or time.monotonic() - self.last > _EVERY:
            self.last = time.monotonic()
            left = (self.last - self.begin) / self.done * (now.steps - now.step)
            mean = sum(self.losses) / len(self.losses)
            click.echo(
                f"epoch {now.epoch}  step {now.step}/{now.steps}  loss {mean:.4f}  lr {now.lr:.2e}"
                f"  {duration(left)} left"
            )
            self.losses = []


def evaluated(now: TrainProgress) -> str:
    """A line with the results of an evaluation."""
    return "  ".join([f"epoch {now.epoch}", *(f"{name} {score:.4f}" for name, score in now.scores.items())])
