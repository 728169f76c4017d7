"""The report of a training run: a self-contained page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from archdsl.report.again import again_html
from archdsl.report.charts import Bar, bars
from archdsl.report.curves import Curve, curves
from archdsl.report.pictures import Legend, Prediction, predictions_html
from archdsl.report.records import Evaluation, Scored
from archdsl.report.run import Run, read_run
from archdsl.report.score_charts import further_cards, heading, names_of_scores, points_of, score_figure
from archdsl.report.scores import score_name, score_text
from archdsl.report.search_charts import rate_figure
from archdsl.report.sections import added
from archdsl.report.sheet import Part, cards, figure, grid, preformatted, scrolled, sheet


def train_page(
    folder: Path, layers: str = "", predictions: Sequence[Prediction] = (), legend: Legend = ()
) -> str:
    """The report of the training in a folder, finished or not, as an HTML page.

    `layers` is the layer table of the network as text. Parts without data are omitted. Raises SpecError
    (ARCH911) without a run.
    """
    run = read_run(folder)
    m = run.manifest
    lead = [f"Seed {m.seed}, on {m.device}{', data ' + str(m.data['name']) if m.data.get('name') else ''}."]
    parts = [
        Part("Figures", _headline(run)),
        Part(heading(_last(run)), grid([_loss(run), *_scores(run), rate_figure(run), *_classes(run)])),
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
        best, name = max(scored, key=lambda e: e.value), score_name(scored[-1].leading[0])
        figures.append((f"best {name}", score_text(*best.leading), f"validation images, epoch {best.epoch}"))
        figures.append((f"last {name}", score_text(*scored[-1].leading), f"epoch {scored[-1].epoch}"))
        figures += further_cards(scored[-1])
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
    """A chart for each output: its main score by step."""
    scored, text = run.evaluations(), "Of the averaged weights, if enabled."
    return [
        score_figure(name, [Curve(name, points_of(scored, _step, name), 2, dots=True, named=False)], text)
        for name in names_of_scores(scored)
    ]


def _step(scored: Evaluation) -> float:
    return scored.step


def _last(run: Run) -> Scored:
    return run.last(Evaluation) or Scored()


def _classes(run: Run) -> list[str]:
    """A chart of the IoU of each class in the last evaluation; empty if it was not recorded."""
    scored = run.last(Evaluation)
    if scored is None or not any(iou is not None for iou in scored.iou):
        return []
    names = run.manifest.data.get("classes")
    if not isinstance(names, list) or len(names) != len(scored.iou):
        names = [f"class {n}" for n in range(len(scored.iou))]
    rows = [Bar(str(name), iou) for name, iou in zip(names, scored.iou, strict=True) if iou is not None]
    chart = bars(rows, title="IoU on the validation images", format=lambda iou: f"{iou:.1%}")
    return [figure(f"Classes after epoch {scored.epoch}", chart)]
