"""Shows the progress of a search: as bars on terminals, as lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.printing import progress_bars
from archdsl.render.terminal import clean, is_terminal
from archdsl.report.charts import short
from archdsl.report.duration import duration
from archdsl.report.numbers import plural

if TYPE_CHECKING:
    from archdsl.program import Network
    from archdsl.search.progress import SearchProgress
    from archdsl.search.result import Result
    from archdsl.search.trials.forecast import Forecast
    from archdsl.search.trials.history import Trial

_EVERY = 10.0
"""The number of seconds between progress lines within an epoch, or between lines about trials."""
_REDRAWN = 0.1
"""The minimum number of seconds between updates of the bar by trials."""


@contextmanager
def shown(first_step: int, steps: int) -> Iterator[Callable[[SearchProgress], None]]:
    """A context manager that yields a progress callback.

    The callback draws a bar if standard error is a terminal, otherwise it prints lines to standard output.
    """
    if not is_terminal(sys.stderr):
        yield _Lines().report
        return
    with progress_bars() as bars:
        task = bars.add_task("", total=steps, completed=first_step)
        last = 0.0

        def report(now: SearchProgress) -> None:
            if now.best is not None:
                nonlocal last
                if now.tried < now.to_try and time.monotonic() - last < _REDRAWN:
                    return
                last = time.monotonic()
            if now.scratch:
                bars.update(task, completed=now.epoch + 1, total=now.epochs, description=clean(_line(now)))
            elif now.tried:
                bars.update(task, completed=now.tried, total=now.to_try, description=clean(_line(now)))
            elif now.found is not None:
                bars.console.print(clean(_line(now)))
            else:
                bars.update(task, completed=now.step, description=clean(_line(now)))

        yield report


class _Lines:
    def __init__(self) -> None:
        self.begin = self.last = time.monotonic()
        self.done = 0

    def report(self, now: SearchProgress) -> None:
        by_trials = now.best is not None
        if not by_trials and (now.found is not None or now.tried or now.scratch):
            click.echo(_line(now))
            return
        self.done += 1
        here = time.monotonic()
        ends = by_trials and (self.done == 1 or now.tried == now.to_try)
        if ends or here - self.last > _EVERY:
            self.last = here
            left = (here - self.begin) / self.done * (now.steps - now.step)
            where = "" if by_trials else f"  step {now.step}/{now.steps}"
            # The first trial takes what the strategy needs to begin, too.
            click.echo(f"{_line(now)}{where}" + ("" if ends else f"  {duration(left)} left"))


def _line(now: SearchProgress) -> str:
    """A progress line: epoch, loss, expected costs, depths (expected or chosen), and scores of outputs."""
    if now.scratch:
        where = f"{now.scratch} from scratch, epoch {now.epoch + 1}/{now.epochs}"
        return "  ".join([where, *_scores(now.scores)])
    if now.best is not None:
        goal, value = now.best
        parts = [f"trial {now.tried}/{now.to_try}"]
        parts.append(f"best {goal} {'–' if value is None else short(value)}")
        parts += [f"{now.failed} failed"] if now.failed else []
        return "  ".join(parts)
    if now.tried:
        return f"network {now.tried} of at most {now.to_try}  objective {now.loss:.4g}"
    parts = [f"epoch {now.epoch + 1}/{now.epochs}", f"loss {now.loss:.3f}"]
    parts[1:1] = [now.member] if now.member else []
    parts += [f"{name} {_short(value)}" for name, value in now.costs.items()]
    if now.depths:
        parts.append("depth " + " ".join(f"{depth:.1f}" for depth in now.depths.values()))
    if now.found is not None:
        depths = [now.found.network.chosen.get(path, "–") for path in now.depths]
        chosen = f"{', depths {' + ' '.join(depths) + '}' if depths else ''}"
        parts.append(f"found {_short(now.found.costs['params'])} parameters{chosen}")
    return "  ".join([*parts, *_scores(now.scores)])


def _scores(scores: Mapping[str, float]) -> list[str]:
    """The main score of each output."""
    return [f"{name} {score:.3f}" for name, score in scores.items()]


def result_text(found: Result, verdict: Mapping[str, Any]) -> str:
    """The result of a search with its quality measures and warnings, in a few lines."""
    cost = found.costs
    text = f"found {cost['params']:,} parameters, {cost['macs']:,} MACs: {found.how}"
    text += "".join(f"\nit violates `{one}`" for one in found.unmet)
    if (decoded := found.decoded) is not None:
        text += f"\ndecoded as {decoded.origin}: {decoded.params:,} parameters, {decoded.macs:,} MACs"
    for ends, (miou, ms) in found.ends.items():
        rows = ", ".join(f"1/{row}" for row in ends)
        text += f"\n  branches to {rows}: mIoU {miou:.3f}" + (f", {ms:.3g} ms" if ms is not None else "")
    macs = [sampled["macs"] for sampled in verdict["random"]]
    idle = verdict["idle"]
    text += f"\nmean entropy of the decisions {verdict['mean_entropy']:.2f} of 1"
    text += (
        f", {idle:.0%} of {verdict['edges']} edges are zeros, skips or pooling" if idle is not None else ""
    )
    text += f"; {len(macs)} random networks have {_short(min(macs))} to {_short(max(macs))} MACs"
    return text + "".join(f"\nwarning: {one}" for one in verdict["warnings"])


def trials_text(trials: Sequence[Trial], front: int) -> str:
    """A line with the number of trials, of failures by kind, and of networks in the front."""
    counts: dict[str, int] = {}
    for trial in trials:
        if trial.state != "scored":
            kind = trial.failure[0] if trial.failure else "unmet"
            counts[kind] = counts.get(kind, 0) + 1
    text = plural(len(trials), "trial")
    if counts:
        kinds = ", ".join(f"{count} {_KINDS.get(kind, kind)}" for kind, count in counts.items())
        text += f", {sum(counts.values())} without a value: {kinds}"
    return f"{text}; a front of {front} networks" if front > 1 else text


_KINDS = {
    "unmet": "violated a requirement on a score",
    "memory": "out of memory",
    "nan": "not finite",
    "lost": "lost their worker",
}
"""Display names of kinds of failures; other kinds are displayed by their own names."""


def comparison_text(
    found: Network, baseline: Network, compared: Mapping[str, Mapping[str, float]], epochs: int
) -> str:
    """A line that compares the network found with the baseline, each trained from scratch for `epochs`
    epochs.
    """
    rows = []
    for called, network, role in (("found", found, "found"), (baseline.name, baseline, "baseline")):
        scores = ", ".join(f"{score:.3f} {name}" for name, score in compared[role].items())
        costs = f"{_short(network.params)} parameters, {_short(network.macs)} MACs"
        rows.append(f"{called} {scores} with {costs}")
    return f"trained from scratch for {plural(epochs, 'epoch')}: {'; '.join(rows)}"


def _short(value: float) -> str:
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if value >= factor:
            return f"{value / factor:.3g}{unit}"
    return f"{value:.3g}"


def time_line(found: Forecast, workers: int | None) -> str:
    """A line with the estimated duration of a search by trials, from measurements."""
    config = found.config
    about = "at least" if found.at_least else "about"
    line = f"{about} {short(found.trial_s)} s per trial (measured: {found.how})"
    total = duration(found.total_s) if found.total_s >= 1 else "1 s or less"
    line += f", {about} {total} in one process, excluding the strategy's own time"
    if config.parallel > 1:
        at_once = min(config.parallel, workers or config.parallel)
        line += f"; {at_once} at once: {duration(found.total_s / at_once)}"
    elif workers is not None and workers > 1:
        line += "; `parallel = 1` of the search keeps all workers but one idle"
    if config.budget_s is not None and config.budget_s < found.total_s:
        line += f"; its budget of {duration(config.budget_s)} ends it earlier"
    return line
