"""Compares the network found by a search with a baseline, both trained from scratch in the same way."""

from __future__ import annotations

from archdsl.report.charts import Bar, bars, short
from archdsl.report.curves import Curve, curves
from archdsl.report.records import Run, Scratch
from archdsl.report.sheet import figure, grid, table

COMPARED = (
    "The network found and the baseline, each trained from scratch: on the same batches, with the optimizer"
    " of the search's weights, for the epochs of the search, with the same seed. One training each:"
    " another seed may change either score by a point or two."
)


def compared_lines(run: Run) -> list[str]:
    """A sentence with the scores of both, if both were trained."""
    found, baseline = run.scratch("found"), run.scratch("baseline")
    if run.end is None or not found or not baseline:
        return []
    one, other = found[-1], baseline[-1]
    if one.miou is None or other.miou is None:
        return []
    points = 100 * (one.miou - other.miou)
    more = f"{abs(points):.1f} points of mIoU {'more' if points >= 0 else 'less'}"
    macs = f" with {one.macs / other.macs:.2f} times its multiply-accumulates" if other.macs else ""
    return [f"Trained from scratch, the network found has {more} than the baseline {other.name}{macs}."]


def comparison(run: Run) -> str:
    """The section that compares the network found with the baseline: mIoU by epoch, MACs, parameters."""
    both = [rows for rows in (run.scratch("found"), run.scratch("baseline")) if rows]
    if not both:
        return ""
    drawn = [
        Curve(_name(rows[-1]), [(s.step, s.miou) for s in rows if s.miou is not None], n, dashed=bool(n))
        for n, rows in enumerate(both)
    ]
    title = "mIoU on the validation images"
    text = "After each epoch of training from scratch; dashed: the baseline."
    chart = curves(drawn, title=title, x_label="step", y_label="mIoU", summary=text, low=0.0)
    costs = bars([Bar(_name(rows[-1]), float(rows[-1].macs)) for rows in both], title=_MACS)
    head = ("network", "parameters", "MACs", "mIoU")
    figures = [figure(title, chart, text), figure("Multiply-accumulates", costs)]
    return grid(figures) + table(head, [_row(rows[-1]) for rows in both])


_MACS = "Multiply-accumulates per image"


def _name(of: Scratch) -> str:
    return "found" if of.role == "found" else of.name


def _row(last: Scratch) -> tuple[str, ...]:
    score = "" if last.miou is None else f"{last.miou:.1%}"
    return (_name(last), short(last.params), short(last.macs), score)
