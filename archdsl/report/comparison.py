"""Compares the network found by a search with a baseline, both trained from scratch in the same way."""

from __future__ import annotations

from archdsl.report.charts import Bar, bars, short
from archdsl.report.curves import Curve
from archdsl.report.records import Scratch
from archdsl.report.run import Run
from archdsl.report.score_charts import names_of_scores, points_of, score_figure
from archdsl.report.scores import LOWER, NAMES
from archdsl.report.sheet import figure, grid, table

COMPARED = (
    "The network found and the baseline, each trained from scratch: on the same batches, with the optimizer"
    " of the search's weights, for the epochs of the search, with the same seed. One training each:"
    " another seed may change either score by a point or two."
)


def compared_lines(run: Run) -> list[str]:
    """A sentence that compares the scores and MACs of both networks; empty unless both were trained."""
    found, baseline = run.scratch("found"), run.scratch("baseline")
    if run.end is None or not found or not baseline:
        return []
    one, other = found[-1], baseline[-1]
    more = [_more(name, score, other.shown[name]) for name, score in one.shown.items() if name in other.shown]
    if not more:
        return []
    macs = f" with {one.macs / other.macs:.2f} times its multiply-accumulates" if other.macs else ""
    said = f"{', '.join(more)} than the baseline {other.name}"
    return [f"Trained from scratch, the network found has {said}{macs}."]


def _more(name: str, one: float, other: float) -> str:
    """The difference of a score `one` from the baseline's score `other`: `2.1 points of mIoU more`."""
    more = "more" if one >= other else "less"
    if name.startswith(_ERRORS):
        return f"{abs(one - other):.4g} {name} {more}"
    return f"{100 * abs(one - other):.1f} points of {name} {more}"


_ERRORS = tuple(NAMES[name] for name in LOWER)


def comparison(run: Run) -> str:
    """The section that compares the network found with the baseline, as HTML: scores by epoch, MACs, size."""
    both = [rows for rows in (run.scratch("found"), run.scratch("baseline")) if rows]
    if not both:
        return ""
    text = "After each epoch of training from scratch; dashed: the baseline."
    names = names_of_scores([row for rows in both for row in rows])
    figures = [
        score_figure(name, [_curve(rows, name, dashed=bool(n)) for n, rows in enumerate(both)], text)
        for name in names
    ]
    costs = bars([Bar(_name(rows[-1]), float(rows[-1].macs)) for rows in both], title=_MACS)
    head = ("network", "parameters", "MACs", *names)
    figures.append(figure("Multiply-accumulates", costs))
    return grid(figures) + table(head, [_row(rows[-1], names) for rows in both])


def _curve(rows: list[Scratch], name: str, dashed: bool) -> Curve:
    return Curve(_name(rows[-1]), points_of(rows, lambda s: s.step, name), int(dashed), dashed=dashed)


_MACS = "Multiply-accumulates per image"


def _name(of: Scratch) -> str:
    return "found" if of.role == "found" else of.name


def _row(last: Scratch, names: list[str]) -> tuple[str, ...]:
    scores = [_text(name, last.shown[name]) if name in last.shown else "" for name in names]
    return (_name(last), short(last.params), short(last.macs), *scores)


def _text(name: str, score: float) -> str:
    return f"{score:.4g}" if name.startswith(_ERRORS) else f"{score:.1%}"
