"""Validates a latency table: measures random networks of a space end to end, and compares the estimates."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.devices import build, calibrate, table
from archdsl.devices.calibrate import Sum
from archdsl.devices.estimate import final_upsampling
from archdsl.devices.keys import parts
from archdsl.devices.measure import Timer
from archdsl.devices.rounds import Timed, TimingPlan, time_all
from archdsl.devices.table import Accuracy, Calibration, Table
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.passes.costs.cost import costs, total

if TYPE_CHECKING:
    from archdsl.program import Network, Space

WHOLE = TimingPlan(rounds=7, seconds=0.1, least=3)
"""The plan for measuring many networks end to end; longer for each network than the plan for ops."""

ALONE = TimingPlan(rounds=5, seconds=0.4, least=5)
"""The plan for measuring a single network end to end; longer than `WHOLE` for each of many."""

FEWEST = 10


@dataclass(frozen=True)
class Measured:
    """A network measured end to end: outcomes, MACs, number of units, measured and predicted milliseconds."""

    decisions: dict[str, str]
    macs: int
    units: int
    measured_ms: float
    passes_ms: tuple[float, ...]
    noisy: bool
    predicted_ms: float
    held_out: bool


@dataclass(frozen=True)
class Validation:
    """The result of a validation: the calibrated table, the measured networks, and the messages of failures.

    `new_rows` is the number of rows that were measured first.
    """

    table: Table
    networks: tuple[Measured, ...]
    failed: tuple[str, ...]
    new_rows: int


@dataclass(frozen=True)
class ValidationProgress:
    """The progress of a validation: phase ("rows" or "networks"), completed fraction, and seconds left."""

    what: str
    share: float
    seconds_left: float


def sample_networks(space: Space, number: int, seed: int) -> list[Network]:
    """Distinct random networks of a space; fewer than `number` if the space is small."""
    rng = random.Random(seed)
    found: dict[frozenset[tuple[str, str]], Network] = {}
    for _ in range(20 * number):
        network = space.bind(space.sample(rng))
        found.setdefault(frozenset(network.chosen.items()), network)
        if len(found) == number:
            break
    return list(found.values())


def validate(
    space: Space,
    path: Path,
    timer: Timer,
    *,
    held_out: int = 50,
    fit: int = 150,
    seed: int = 1,
    rows: TimingPlan | None = None,
    whole: TimingPlan | None = None,
    stale: bool = False,
    progress: Callable[[ValidationProgress], None] | None = None,
) -> Validation:
    """Calibrates the table in a file on `fit` networks, and evaluates it on `held_out` other networks.

    Both are measured end to end; rows that the table lacks are measured first. Rows, calibration and accuracy
    are stored in the file. Raises SpecError: ARCH821 if the table was measured under other conditions, and
    `stale` is not set; ARCH825 if the space has too few networks, or too few can be measured.
    """
    networks = sample_networks(space, fit + held_out, seed)
    if len(networks) < fit + held_out:
        fit = len(networks) * fit // (fit + held_out)
    if fit < FEWEST or len(networks) - fit < FEWEST:
        headline = f"`{space.name}` has too few networks to fit and validate: {len(networks)}"
        raise SpecError([Diagnostic("ARCH825", headline)])
    split = [parts(network) for network in networks]
    before = len(table.read(path).rows) if path.exists() else 0
    start = build.new_table(timer, space.name, space.settings)
    made = build.build(
        path, [u for p in split for u in p], timer, plan=rows, start=start, stale=stale,
        progress=progress and (lambda p: progress(ValidationProgress("rows", p.share, p.seconds_left))),
    )  # fmt: skip
    timed = _measure(networks, timer, whole or WHOLE, seed, progress)
    row_ms = {row.key: row.ms for row in made.rows if row.ms is not None}
    sums = [Sum.of(p) for p in split]
    usable = [i for i, t in enumerate(timed) if t.failed is None and all(k in row_ms for k in sums[i].counts)]
    inside, outside = [i for i in usable if i < fit], [i for i in usable if i >= fit]
    if len(inside) < FEWEST or len(outside) < FEWEST:
        why = next((t.failed for t in timed if t.failed), "some of their ops do not run on this backend")
        raise SpecError(
            [Diagnostic("ARCH825", f"too few networks of `{space.name}` could be measured: {why}")]
        )
    macs = [total(costs(n.graph).values()).macs for n in networks]
    measured = [t.low_ms if t.rounds else 0.0 for t in timed]
    calibration = _calibration(sums, measured, macs, row_ms, inside, outside, seed)
    calibration = calibration.model_copy(
        update={
            "space": space.name,
            "inputs": dict(space.graph.inputs),
            "final_upsampling": final_upsampling(networks[0]),
            "noisy_networks": sum(timed[i].noisy for i in usable),
        }
    )
    made = made.model_copy(update={"calibration": calibration})
    table.write(made, path)
    found = [
        Measured(
            decisions=dict(networks[i].chosen),
            macs=macs[i],
            units=sums[i].units,
            measured_ms=measured[i],
            passes_ms=tuple(p.low_ms for p in timed[i].rounds),
            noisy=timed[i].noisy,
            predicted_ms=calibrate.predict(calibration, sums[i], row_ms),
            held_out=i in set(outside),
        )
        for i in usable
    ]
    failed = tuple(t.failed for t in timed if t.failed is not None)
    return Validation(made, tuple(found), failed, len(made.rows) - before)


def _calibration(
    sums: Sequence[Sum],
    measured: Sequence[float],
    macs: Sequence[int],
    rows: dict[str, float],
    inside: Sequence[int],
    outside: Sequence[int],
    seed: int,
) -> Calibration:
    known, truth = [sums[i] for i in inside], [measured[i] for i in inside]
    new, expected = [sums[i] for i in outside], [measured[i] for i in outside]

    def judged(predictor: Callable[[Any], float], given: Sequence[Any]) -> Accuracy:
        return calibrate.accuracy([predictor(g) for g in given], expected)

    tried = {
        form: judged(_predictor(calibrate.fit_form(form, known, truth, rows, seed), rows), new)
        for form in calibrate.FORMS
    }
    fit, _ = calibrate.fit(known, truth, rows, seed)
    by_macs = calibrate.line_through([macs[i] for i in inside], truth)
    predicted = [calibrate.predict(fit, n, rows) for n in new]
    return Calibration(
        scale=fit.scale,
        per_unit_ms=fit.per_unit_ms,
        fixed_ms=fit.fixed_ms,
        op_scales=dict(fit.op_scales),
        corrections_ms=dict(fit.corrections_ms),
        error=calibrate.error_of(predicted, expected),
        form=fit.form,
        fitted_on=len(known),
        seed=seed,
        held_out=calibrate.accuracy(predicted, expected),
        rows_alone=judged(calibrate.rows_alone(rows), new),
        macs_alone=judged(by_macs, [macs[i] for i in outside]),
        tried=tried,
        final_upsampling="",
    )


def _predictor(fit: calibrate.Fit, rows: dict[str, float]) -> Callable[[Sum], float]:
    return lambda network: calibrate.predict(fit, network, rows)


def _measure(
    networks: Sequence[Network],
    timer: Timer,
    plan: TimingPlan,
    seed: int,
    progress: Callable[[ValidationProgress], None] | None,
) -> list[Timed[int]]:
    things = [Timed(i, network.graph) for i, network in enumerate(networks)]
    begin = time.monotonic()

    def done(_: Timed[int], share: float) -> None:
        if progress is not None:
            spent = time.monotonic() - begin
            progress(ValidationProgress("networks", share, spent * (1 - share) / max(share, 1e-6)))

    time_all(things, timer, plan, random.Random(seed), done)
    return things


@dataclass(frozen=True)
class Whole:
    """The latency of a network measured end to end, in ms: lowest decile, median, interquartile range.

    Further fields are as in `archdsl.devices.table.Row` and `Round`.
    """

    ms: float
    median_ms: float
    iqr_ms: float
    rounds: int
    runs: int
    retimed: int
    noisy: bool
    disturbed: float


def measure(network: Network, timer: Timer, plan: TimingPlan | None = None) -> Whole:
    """Measures the latency of a network end to end.

    Raises SpecError (ARCH826) if the runtime cannot run it.
    """
    thing = Timed(network.name, network.graph)
    time_all([thing], timer, plan or ALONE, random.Random(0), lambda *_: None)
    if thing.failed is not None:
        raise SpecError([Diagnostic("ARCH826", f"{timer.backend} cannot run {network.name}: {thing.failed}")])
    rounds = thing.rounds
    return Whole(
        ms=thing.low_ms,
        median_ms=statistics.median(p.median_ms for p in rounds),
        iqr_ms=statistics.median(p.iqr_ms for p in rounds),
        rounds=len(rounds),
        runs=sum(p.runs for p in rounds),
        retimed=thing.retimed,
        noisy=thing.noisy,
        disturbed=sum(p.disturbed * p.runs for p in rounds) / sum(p.runs for p in rounds),
    )
