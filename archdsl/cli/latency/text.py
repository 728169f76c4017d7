"""Formats latencies as text, JSON and HTML pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.render.json import document
from archdsl.report import text_tables
from archdsl.report.numbers import plural, thousands

if TYPE_CHECKING:
    from archdsl.devices.estimate import Estimate
    from archdsl.devices.measure import Timer
    from archdsl.devices.requirement import Judged
    from archdsl.devices.table import Accuracy
    from archdsl.devices.validate import Validation, Whole
    from archdsl.program import Network, Space


def estimate_text(found: Estimate, judged: Sequence[Judged] = ()) -> str:
    """The text of an estimate: the layers, the total with its error, and notes on its validity."""
    rows = [
        [line.name, line.op, _ms(line.ms), _share(line.ms, found.total_ms), line.note] for line in found.lines
    ]
    text = text_tables.table(("layer", "op", "ms", "share", ""), rows, numeric=(2, 3))
    text += f"\n{found.network}: {found}{_rate(found)}\n"
    text += "".join(f"{line}\n" for line in _facts(found))
    return text + "".join(f"{j.text}: {_VERDICT[j.met]}{f' ({j.why})' if j.why else ''}\n" for j in judged)


def _rate(found: Estimate) -> str:
    """Frames per second; an upper bound if table rows are missing, empty if all are missing."""
    if not found.total_ms:
        return ""
    return f"  ({'at most ' if found.missing else ''}{found.fps:.1f} fps)"


_VERDICT = {True: "met", False: "not met", None: "not decided"}


def _facts(found: Estimate) -> list[str]:
    lines = [f"on {found.device}, {found.backend}; final up-sampling {found.final_upsampling}"]
    if found.error_ms is not None:
        lines.append("±: 90 % of held-out networks were predicted within this error")
    lines += [f"note: {note}" for note in found.notes]
    lines += [f"stale: {difference}" for difference in found.stale]
    lines += [f"{line}" for line in found.missing]
    if found.missing:
        count = plural(len(found.missing), "row")
        lines.append(f"{count} missing in the table: the total excludes them")
    return lines


def _ms(ms: float | None) -> str:
    return "missing" if ms is None else f"{ms:.4f}"


def _share(ms: float | None, total: float) -> str:
    return "" if ms is None or not total else f"{ms / total:.1%}"


def estimate_json(found: Estimate, judged: Sequence[Judged] = ()) -> str:
    return document("latency-estimate", **_estimate_data(found), requirements=[asdict(j) for j in judged])


def _estimate_data(found: Estimate) -> dict[str, Any]:
    data = asdict(found)
    data["complete"] = not found.missing
    rate = found.fps if found.total_ms else None
    data["fps"] = None if found.missing else rate
    data["fps_at_most"] = rate if found.missing else None
    return data


def estimate_page(found: Estimate) -> str:
    """An HTML page with a bar chart of latency by layer, and the totals."""
    from archdsl.report.charts import Bar, bars
    from archdsl.report.sheet import section, sheet

    there = [line for line in found.lines if line.ms is not None]
    chart = bars(
        [Bar(line.name, max(line.ms or 0.0, 0.0), note=line.op) for line in there],
        title=f"{found.network}: latency by layer",
        unit="ms",
    )
    part = section(
        f"{found.network}: {found}",
        _facts(found),
        charts=[chart],
        head=("layer", "op", "ms", "rows"),
        rows=[(line.name, line.op, _ms(line.ms), ", ".join(line.rows)) for line in found.lines],
    )
    return sheet(f"Latency of {found.network}", (), [part])


def space_text(space: Space, networks: Sequence[Network], found: Sequence[Estimate]) -> str:
    """The distribution of estimated latencies over random networks, as text."""
    data = _space_data(space, networks, found)
    if data["complete"] == 0:
        text = f"{space.name}: none of {plural(len(found), 'network')} could be estimated\n"
        return text + "".join(f"{line}\n" for line in _missing(found)[:10])
    spread = data["ms"]
    rows = [[name, f"{value:.4g}"] for name, value in spread.items()]
    text = text_tables.table(("of networks", "ms"), rows, numeric=(1,))
    text += f"\n{space.name}: {plural(data['complete'], 'random network')} estimated"
    if data["complete"] < len(found):
        text += f", {thousands(len(found) - data['complete'])} skipped, as rows are missing"
    return text + "\n" + "".join(f"{line}\n" for line in _facts(_complete(found)[0]))


def space_json(space: Space, networks: Sequence[Network], found: Sequence[Estimate]) -> str:
    return document("latency-space", **_space_data(space, networks, found))


def _complete(found: Sequence[Estimate]) -> list[Estimate]:
    return [f for f in found if not f.missing]


def _missing(found: Sequence[Estimate]) -> list[str]:
    return list(dict.fromkeys(line.split(" (", 1)[-1].rstrip(")") for f in found for line in f.missing))


def _space_data(space: Space, networks: Sequence[Network], found: Sequence[Estimate]) -> dict[str, Any]:
    times = sorted(f.total_ms for f in _complete(found))
    spread = {}
    if times:
        places = {"fastest": 0.0, "a tenth": 0.1, "half": 0.5, "nine tenths": 0.9, "slowest": 1.0}
        spread = {name: times[round(share * (len(times) - 1))] for name, share in places.items()}
    return {
        "space": space.name,
        "networks": len(found),
        "complete": len(times),
        "ms": spread,
        "missing": _missing(found),
        "device": found[0].device,
        "backend": found[0].backend,
        "final_upsampling": found[0].final_upsampling,
        "stale": list(found[0].stale),
    }


def space_page(space: Space, networks: Sequence[Network], found: Sequence[Estimate]) -> str:
    """An HTML page with the distribution of latencies, and latency against parameters with the Pareto
    front.
    """
    from archdsl.passes.costs.cost import costs, total
    from archdsl.report.charts import Point, histogram, scatter
    from archdsl.report.sheet import section, sheet

    there = [(n, f) for n, f in zip(networks, found, strict=True) if not f.missing]
    times = [f.total_ms for _, f in there]
    sizes = [float(total(costs(n.graph).values()).params) for n, _ in there]
    front = _front(list(zip(sizes, times, strict=True)))
    points = [Point(p, t, strong=(p, t) in front) for p, t in zip(sizes, times, strict=True)]
    charts = [
        histogram(times, title=f"{space.name}: latency of random networks", x_label="ms"),
        scatter(
            points, title="Latency against parameters; red: the Pareto front",
            x_label="parameters", y_label="ms", path=sorted(front),
        ),
    ]  # fmt: skip
    facts = _facts(there[0][1]) if there else _missing(found)[:10]
    return sheet(f"Latency of {space.name}", (), [section(space.name, facts, charts)])


def _front(points: Sequence[tuple[float, float]]) -> set[tuple[float, float]]:
    """The Pareto-optimal points."""
    front: set[tuple[float, float]] = set()
    best = float("inf")
    for point in sorted(points):
        if point[1] < best:
            front.add(point)
            best = point[1]
    return front


_ACCURACY = ("", "Spearman", "Kendall", "mean error", "worst", "within 5 %", "within 10 %")


def validation_text(space: Space, found: Validation, path: Path) -> str:
    """The accuracy of predictions on held-out networks, compared with that of simpler predictors, as text."""
    calibration = found.table.calibration
    assert calibration is not None
    text = text_tables.table(_ACCURACY, _accuracy_rows(found), numeric=range(1, 7))
    lines = [
        f"{space.name}: {calibration.fitted_on} networks fitted, {calibration.held_out.networks} "
        f"held out; 90 % of these are within {calibration.error:.1%}",
        f"correction model: {calibration.form}; final up-sampling {calibration.final_upsampling}",
        f"calibration and error are stored in {path}",
    ]
    if found.new_rows:
        lines.append(f"{plural(found.new_rows, 'missing row')} measured")
    if calibration.noisy_networks:
        count = plural(calibration.noisy_networks, "network")
        lines.append(f"{count} varied by more than 5 % even when timed again: the machine is busy")
    lines += [f"failed: {why}" for why in found.failed]
    return text + "\n" + "".join(f"{line}\n" for line in lines)


def _accuracy_rows(found: Validation) -> list[list[str]]:
    calibration = found.table.calibration
    assert calibration is not None
    named = {
        "table, calibrated": calibration.held_out,
        **{f"  model: {form}": a for form, a in calibration.tried.items()},
        "sum of rows alone": calibration.rows_alone,
        "MACs alone": calibration.macs_alone,
    }
    return [[name, *_accuracy(a)] for name, a in named.items()]


def _accuracy(a: Accuracy) -> list[str]:
    shares = (a.mean_error, a.worst_error, a.within_5, a.within_10)
    return [f"{a.spearman:.3f}", f"{a.kendall:.3f}", *(f"{share:.1%}" for share in shares)]


def validation_json(space: Space, found: Validation, raw: bool = False) -> str:
    """The calibration and its accuracy as JSON; with `raw`, also the latencies of all networks."""
    calibration = found.table.calibration
    assert calibration is not None
    data = calibration.model_dump()
    if not raw:
        del data["corrections_ms"]
    fields: dict[str, Any] = {
        "space": space.name,
        "settings": {k: list(v) if isinstance(v, tuple) else v for k, v in space.settings.items()},
        "device": found.table.device.model_dump(),
        "runtime": found.table.runtime.model_dump(),
        "protocol": found.table.protocol.model_dump(),
        "calibration": data,
        "rows": len(found.table.rows),
        "new_rows": found.new_rows,
        "failed": list(found.failed),
    }
    if raw:
        fields["networks"] = [asdict(n) for n in found.networks]
    return document("latency-validation", **fields)


def validation_page(space: Space, found: Validation) -> str:
    """An HTML page of predicted against measured latency, with a band of ±10 %."""
    from archdsl.report.charts import Point, scatter
    from archdsl.report.sheet import section, sheet

    calibration = found.table.calibration
    assert calibration is not None
    points = [Point(n.measured_ms, n.predicted_ms) for n in found.networks if n.held_out]
    chart = scatter(
        points,
        title="Held-out networks, with ±10 %",
        x_label="measured, ms",
        y_label="predicted, ms",
        band=0.1,
    )
    text = [
        f"{calibration.fitted_on} networks fitted, {len(points)} held out;"
        f" final up-sampling {calibration.final_upsampling}",
        f"on {found.table.device.model}",
    ]
    part = section(space.name, text, [chart], _ACCURACY, _accuracy_rows(found))
    return sheet(f"Latency of {space.name}: predicted and measured", (), [part])


def measured_text(network: Network, timer: Timer, whole: Whole) -> str:
    from archdsl.devices.estimate import final_upsampling, written_ms

    text = f"{network.name}: {written_ms(whole.ms)} ms ({1000 / whole.ms:.1f} fps)\n"
    text += f"median {written_ms(whole.median_ms)} ms, quartiles {written_ms(whole.iqr_ms)} ms apart,"
    text += f" {plural(whole.runs, 'run')} in {plural(whole.rounds, 'round')}\n"
    text += f"{_conditions(timer)}; final up-sampling {final_upsampling(network)}\n"
    if whole.disturbed > 0.1:
        text += f"{whole.disturbed:.0%} of the runs were disturbed by other programs\n"
    if whole.noisy:
        text += f"unreliable: rounds differ by more than 5 %, even after {whole.retimed} more\n"
    return text


def _conditions(timer: Timer) -> str:
    from archdsl.devices.build import conditions_of

    here = conditions_of(timer)
    versions = ", ".join(
        f"{k.removeprefix('version of ')} {v}" for k, v in here.items() if k.startswith("version")
    )
    return f"on {here['device']}, {timer.backend} ({versions}), {plural(timer.threads, 'thread')}, batch 1"


def measured_json(network: Network, timer: Timer, whole: Whole) -> str:
    from archdsl.devices.build import conditions_of
    from archdsl.devices.estimate import final_upsampling

    return document(
        "latency-measured",
        network=network.name,
        **asdict(whole),
        fps=1000 / whole.ms,
        final_upsampling=final_upsampling(network),
        conditions=conditions_of(timer),
    )
