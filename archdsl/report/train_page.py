"""The report of a training run: a self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archdsl.report.again import again_html
from archdsl.report.charts import Bar, bars
from archdsl.report.curves import Curve, curves
from archdsl.report.pictures import Legend, Prediction, predictions_html
from archdsl.report.records import Evaluation, Run, read_run
from archdsl.report.scores import score_name, score_text
from archdsl.report.search_charts import rate_figure
from archdsl.report.sections import added
from archdsl.report.sheet import Part, cards, figure, grid, preformatted, scrolled, sheet


def train_page(
    folder: Path, layers: str = "", predictions: Sequence[Prediction] = (), legend: Legend = ()
) -> str:
    """The page of the run in a folder, finished or not, as HTML.

    `layers` is the layer table of the network as text. Parts without data are omitted. Raises SpecError
    (ARCH911) without a run.
    """
    run = read_run(folder)
    m = run.manifest
    lead = [f"Seed {m.seed}, on {m.device}{', data ' + str(m.data['name']) if m.data.get('name') else ''}."]
    parts = [
        Part("Figures", _headline(run)),
        Part(f"Loss and {_name(run)}", grid([_loss(run), *_scores(run), rate_figure(run), *_classes(run)])),
        Part("Layers", scrolled(preformatted(layers)) if layers else ""),
        Part("Predictions", predictions_html(predictions, legend)),
        *added(run),
        Part("How to reproduce it", again_html(run)),
    ]
    return sheet(f"Training of {m.name or 'a network'}", lead, parts)


def _headline(run: Run) -> str:
    steps, scored = run.steps(), run.evaluations()
    figures = [("steps", f"{len(steps):,}", f"{steps[-1].epoch} epochs" if steps else "")]
    if scored:
        best, name = max(scored, key=lambda e: e.value), _name(run)
        figures.append((f"best {name}", score_text(*best.leading), f"validation images, epoch {best.epoch}"))
        figures.append((f"last {name}", score_text(*scored[-1].leading), f"epoch {scored[-1].epoch}"))
        for output, own in scored[-1].scores.items():
            shown = [f"{score_name(key)} {score_text(key, score)}" for key, score in own.items()]
            figures.append((output, shown[0], ", ".join(shown[1:])))
    if scored and scored[-1].accuracy is not None:
        figures.append(("pixel accuracy", f"{scored[-1].accuracy:.1%}", f"epoch {scored[-1].epoch}"))
    return cards(figures)


def _loss(run: Run) -> str:
    rows = [
        Curve("loss", [(s.step, s.loss) for s in run.steps()], faint=True, named=False),
        Curve("loss", list(run.means(lambda s: s.loss).values()), named=False, dots=True),
    ]
    text = "Steps (faint) and epoch means."
    return figure("Loss", curves(rows, title="Loss", x_label="step", y_label="loss", summary=text), text)


def _scores(run: Run) -> list[str]:
    """The leading score of each output."""
    scored = run.evaluations()
    curves_of: dict[str, list[tuple[float, float]]] = {}
    for e in scored:
        found = [] if e.miou is None else [("mIoU", e.miou)]
        for output, own in e.scores.items():
            key, score = next(iter(own.items()), ("", None))
            found += [] if score is None else [(f"{score_name(key)} of {output}", score)]
        for name, score in found:
            curves_of.setdefault(name, []).append((e.step, score))
    return [_score(name, points) for name, points in (curves_of or {"mIoU": []}).items()]


def _score(name: str, points: list[tuple[float, float]]) -> str:
    title = f"{name} on the validation images"
    rows = [Curve(name, points, 2, dots=True, named=False)]
    text = "Of the averaged weights, if enabled."
    chart = curves(rows, title=title, x_label="step", y_label=name, summary=text, low=0.0)
    return figure(title, chart, text)


def _name(run: Run) -> str:
    """The name of the score that decides on the best weights."""
    scored = run.last(Evaluation)
    return score_name(scored.leading[0]) if scored is not None else "mIoU"


def _classes(run: Run) -> list[str]:
    """IoU of each class in the last evaluation."""
    scored = run.last(Evaluation)
    if scored is None or not any(iou is not None for iou in scored.iou):
        return []
    names = run.manifest.data.get("classes")
    if not isinstance(names, list) or len(names) != len(scored.iou):
        names = [f"class {n}" for n in range(len(scored.iou))]
    rows = [Bar(str(name), iou) for name, iou in zip(names, scored.iou, strict=True) if iou is not None]
    chart = bars(rows, title="IoU on the validation images", format=lambda iou: f"{iou:.1%}")
    return [figure(f"Classes after epoch {scored.epoch}", chart)]
