"""The report of a search run: a self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archdsl.report.again import again_html
from archdsl.report.charts import Bar, bars, short
from archdsl.report.comparison import COMPARED, compared_lines, comparison
from archdsl.report.decisions import decision_figures
from archdsl.report.duration import duration
from archdsl.report.pictures import Legend, Prediction, predictions_html
from archdsl.report.records import Recalibrated, Resumed, Start
from archdsl.report.run import Run, read_run
from archdsl.report.score_charts import further_cards, heading
from archdsl.report.scores import score_name, score_text
from archdsl.report.search_charts import (
    cost_figures,
    depth_figure,
    entropy_figure,
    journey_figures,
    loss_figure,
    rate_figure,
    score_figures,
    temperature_figure,
    weight_figures,
)
from archdsl.report.sections import added
from archdsl.report.sheet import Part, cards, facts, figure, folded, grid, preformatted, scrolled, sheet


def search_page(
    folder: Path, layers: str = "", diagram_svg: str = "", predictions: Sequence[Prediction] = (),
    legend: Legend = (), member: str | None = None,
) -> str:  # fmt: skip
    """The report of the search in a folder, finished or not, as an HTML page.

    `layers` is the layer table of the network found as text, `diagram_svg` its diagram, inserted unchanged;
    `member` is the name of one of several architectures that were searched together. Parts without data are
    omitted. Raises SpecError (ARCH911) without a run.
    """
    run = read_run(folder, member)
    so_far = "" if run.end else " so far"
    parts = [
        Part(f"The network found{so_far}", _headline(run)),
        Part(heading(run.scored), grid([loss_figure(run), *score_figures(run)])),
        Part("Trained from scratch", comparison(run), COMPARED),
        Part("Depth and entropy", _over_time(run)),
        Part("Classes", _classes(run), _CLASSES),
        Part("Decisions", _decisions(run), _HEAT),
        Part("Cost", _together(*journey_figures(run), *cost_figures(run), _beside_random(run)), _COST),
        Part("Schedules", _together(temperature_figure(run), rate_figure(run), *weight_figures(run))),
        Part(f"Diagram{so_far}", scrolled(_svg_alone(diagram_svg), "diagram") if diagram_svg else ""),
        Part(f"Layers{so_far}", scrolled(preformatted(layers)) if layers else ""),
        Part("Predictions", predictions_html(predictions, legend)),
        *added(run),
        Part("How to reproduce it", again_html(run)),
    ]
    title = f"Search of {_title(run)}: {member}" if member else f"Search of {_title(run)}"
    return sheet(title, _lead(run), parts)


_HEAT = (
    "Probabilities in per cent after the last epoch, a row per decision; the framed outcome is "
    "that of the network found. Grey names: inactive in the network found."
)
_CLASSES = "Of the network found, with weights of the supernet."
_COST = "Expected: the mean over the networks of the space, weighted by probability."


def _title(run: Run) -> str:
    m = run.manifest
    return str(m.space or m.settings.get("space") or m.name or "a space")


def _lead(run: Run) -> list[str]:
    """The lines below the title: search, seed, device and data, the outcome of the run, and notes."""
    m = run.manifest
    search, data = m.search or m.name, m.data.get("name")
    facts = [search and f"Search {search}", f"seed {m.seed}", f"on {m.device}", data and f"data {data}"]
    lines = [", ".join(fact for fact in facts if fact) + ".", *_outcome(run)]
    devices = m.settings.get("latency devices")
    if isinstance(devices, dict):
        lines += [f"Latency of {name} uses a table of {model}." for name, model in devices.items()]
    if resumed := run.all(Resumed):
        lines.append(f"Resumed after step {', '.join(str(r.step) for r in resumed)}.")
    if recalibrated := run.last(Recalibrated):
        lines.append(f"Batch-norm statistics were recomputed from {recalibrated.batches} batches.")
    if run.unread:
        lines.append(f"Skipped unreadable lines of the journal: {run.unread}.")
    return lines


def _outcome(run: Run) -> list[str]:
    """Lines on how the network was found and the requirements it violates, or on the progress of the run."""
    if run.end is None:
        epochs = run.epochs()
        done = f"after epoch {epochs[-1].epoch + 1}" if epochs else "in the first epoch"
        planned = run.manifest.settings.get("epochs")
        return [f"Not finished: {done}{f' of {planned}' if planned else ''}."]
    lines = [f"Found: {run.end.how}."] if run.end.how else []
    if run.end.unmet:
        lines.append(f"Violated requirements: {'; '.join(run.end.unmet)}.")
    if (verdict := run.end.verdict) is not None:
        lines += [f"Warning: {warning}." for warning in verdict.warnings]
        if verdict.shallow:
            lines.append("Every depth is minimal.")
    lines += compared_lines(run)
    return lines


def _classes(run: Run) -> str:
    """The IoU of each class for the network found, as bars and as a table; "" if it was not recorded."""
    iou = run.end.iou if run.end is not None else []
    if not any(value is not None for value in iou):
        return ""
    names = run.manifest.data.get("classes")
    if not isinstance(names, list) or len(names) != len(iou):
        names = [f"class {n}" for n in range(len(iou))]
    rows = [(str(name), value) for name, value in zip(names, iou, strict=True)]
    title = "IoU on the validation images"
    bar = bars([Bar(n, v) for n, v in rows if v is not None], title=title, format=lambda v: f"{v:.1%}")
    listed = {name: "no pixels" if value is None else f"{value:.1%}" for name, value in rows}
    return grid([figure("By class", bar)]) + facts(listed)


def _beside_random(run: Run) -> str:
    """A chart of the MACs of the network found and of random networks; "" if they were not recorded."""
    verdict = run.end.verdict if run.end is not None else None
    macs = run.network.get("macs")
    if verdict is None or not verdict.random or macs is None:
        return ""
    rows = [Bar("found", float(macs))]
    rows += [Bar(f"random {n}", float(drawn.macs)) for n, drawn in enumerate(verdict.random, start=1)]
    return figure("Found and random networks", bars(rows, title="Multiply-accumulates per image"))


def _headline(run: Run) -> str:
    network, seconds = run.network, run.seconds
    name, score = run.scored.leading
    shown = "" if score is None else score_text(name, score)
    epochs, steps = len(run.epochs()), len(run.steps())
    decisions = len(start.decisions) if (start := run.last(Start)) else 0
    figures = [
        ("parameters", _written(network.get("params")), _whole(network.get("params"))),
        ("MACs", _written(network.get("macs")), "multiply-accumulates per image"),
        ("latency", _milliseconds(network.get("latency_ms")), "by the latency table"),
        (score_name(name), shown, "weights of the supernet, validation images"),
        *further_cards(run.scored),
        ("time", duration(seconds) if seconds else "", f"{epochs} epochs, {steps:,} steps"),
        ("decisions", f"{decisions}" if decisions else "", "decided by the search"),
        *_decided(run),
    ]
    return cards(figure for figure in figures if figure[1])


def _decided(run: Run) -> list[tuple[str, str, str]]:
    verdict = run.end.verdict if run.end is not None else None
    if verdict is None:
        return []
    found = [("mean entropy", f"{verdict.mean_entropy:.2f}", "0 decided, 1 uniform")]
    if verdict.idle is not None:
        note = f"of {verdict.edges} edges: zeros, skips, pooling"
        found.append(("idle edges", f"{verdict.idle:.0%}", note))
    return found


def _written(value: float | None) -> str:
    return "" if value is None else short(value)


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3g} ms"


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _over_time(run: Run) -> str:
    return _together(depth_figure(run), entropy_figure(run))


def _together(*figures: str) -> str:
    made = [figure for figure in figures if figure]
    return grid(made) if made else ""


def _decisions(run: Run) -> str:
    made = decision_figures(run)
    if not made:
        return ""
    listed = "\n".join(f"{path} = {outcome}" for path, outcome in run.chosen.items())
    return grid(made, "narrow") + folded("The decisions of the found network as text", listed)


def _svg_alone(svg: str) -> str:
    """An SVG image without XML declaration and document type."""
    return svg[max(0, svg.find("<svg")) :]
