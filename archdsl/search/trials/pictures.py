"""Charts of a search by trials as SVG: fronts, hypervolumes, best values so far, importance of decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice, pairwise
from typing import TypeVar

from archdsl.render import svg
from archdsl.report.charts import Bar, Point, bars, short
from archdsl.report.clouds import WIDTH, Places, Series, clouds, panel
from archdsl.search.trials.front import Stairs, Values, bounds, hypervolume, nondominated, scaled
from archdsl.search.trials.history import Goal, History, Trial, best_so_far

_TITLE = 30.0
_SHARES = (0.125, 0.25, 0.5)
"""The fractions of the trials after which the front is drawn, in addition to the final front."""
_STOPS = 60
"""The number of points of the hypervolume curve for more than two objectives."""
_MOST_BARS = 25
_MOST_MARKS = 400
"""The maximum number of points of a front that have marks with tooltips."""
_MOST_CORNERS = 1000
"""The maximum number of points of the drawn edge of a front; more than the width of the chart in pixels."""
MOST_GOALS = 3
"""The maximum number of objectives for which hypervolumes are shown; with more, they take too long."""
_MOST_PAIRS = 10
"""The maximum number of panels of a chart of fronts."""


@dataclass(frozen=True)
class Shown:
    """A front and other points (`cloud`) to draw, lower is better; `tips` are tooltips of the front."""

    name: str
    front: Sequence[Values] = ()
    tips: Sequence[str] = ()
    cloud: Sequence[Values] = ()
    colour: int = 0
    dashed: bool = False
    marked: bool = True


def shown(name: str, history: History, *, colour: int = 0, dashed: bool = False) -> Shown:
    """The front of a run for drawing, under the name `name`."""
    front = history.front
    values, tips = [history.lower(trial) for trial in front], [tip(history, trial) for trial in front]
    return Shown(name, values, tips, (), colour, dashed)


def tip(history: History, trial: Trial) -> str:
    """A trial as text: its number and the values of its objectives."""
    values = [
        f"{goal.text} {short(v)}"
        for goal, v in zip(history.goals, trial.values, strict=True)
        if v is not None
    ]
    return f"trial {trial.number}: {', '.join(values)}"


def front_picture(rows: Sequence[Shown], goals: Sequence[Goal], title: str, *, headed: bool = True) -> str:
    """A chart of fronts: a panel for each of at most ten pairs of objectives, the first one vertical.

    For two objectives, the edge of the dominated area is drawn. `headed` adds the title.
    """
    parts, top = [svg.text(12, 20, title, size=14, strong=True)] if headed else [], _TITLE if headed else 4.0
    for up, right in islice(combinations(range(len(goals)), 2), _MOST_PAIRS):
        series = [one for row in rows for one in _series(row, goals, right, up)]
        made, height = panel(series, x_label=label_of(goals[right]), y_label=label_of(goals[up]))
        parts.append(f'<g transform="translate(0 {svg.number(top)})">\n' + "\n".join(made) + "\n</g>")
        top += height
    return svg.picture(title, WIDTH, top, parts)


def label_of(goal: Goal) -> str:
    """The label of an axis for an objective, which says whether lower or higher is better."""
    return f"{goal.text} ({'lower' if goal.direction == 'minimize' else 'higher'} is better)"


def _series(row: Shown, goals: Sequence[Goal], right: int, up: int) -> list[Series]:
    signs = goals[right].sign, goals[up].sign

    def place(one: Values) -> tuple[float, float]:
        return signs[0] * one[right], signs[1] * one[up]

    line = _edge([(one[right], one[up]) for one in row.front], signs) if len(goals) == 2 else ()
    tips = row.tips or [""] * len(row.front)
    marked = list(zip(row.front, tips, strict=True)) if row.marked else []
    marks = [Point(*place(one), tip) for one, tip in _some(marked, _MOST_MARKS)]
    return [Series(row.name, [place(one) for one in row.cloud], line, marks, (), row.colour, row.dashed)]


def _edge(front: Sequence[tuple[float, float]], signs: tuple[int, int]) -> Places:
    """The edge of the area that points dominate (lower is better), multiplied by the objectives' signs."""
    ordered = _some(sorted(front), _MOST_CORNERS)
    line = stairs(ordered, ordered[-1][0]) if ordered else ()
    return [(signs[0] * x, signs[1] * y) for x, y in line]


def best_figure(history: History, goal: int) -> str:
    """A chart of an objective: its value for each trial, and the best value so far."""
    one = history.goals[goal]
    cloud = [(t.number, v) for t in history.scored if (v := t.values[goal]) is not None]
    line = stairs(list(best_so_far(history, goal)), history.trials[-1].number if history.trials else 0)
    rows = [Series("trials", cloud=cloud, colour=0), Series("best so far", line=line, colour=1)]
    title = f"Best so far: {one}"
    return clouds(rows, title=title, x_label="trial", y_label=label_of(one), counted_x=True)


T = TypeVar("T")


def _some(rows: Sequence[T], most: int) -> Sequence[T]:
    """The rows, or, if there are more than `most`, about `most` evenly spaced ones and the last one."""
    step = -(-len(rows) // most) or 1
    return rows if step == 1 else [*rows[:-1:step], rows[-1]]


def stairs(steps: Places, last: float) -> Places:
    """The vertices of a step function that holds each value up to the next x, and ends at x = `last`."""
    if not steps:
        return ()
    corners = [at for (_, before), (x, after) in pairwise(steps) for at in [(x, before), (x, after)]]
    return [steps[0], *corners, (last, steps[-1][1])]


def fronts_over_time(history: History) -> str:
    """A chart of the fronts after an eighth, a quarter, half and all of the trials."""
    rows = []
    for n, share in enumerate(_SHARES):
        first = _first(history, share)
        values = [history.lower(t) for t in history.front_of(first)]
        rows.append(Shown(f"after {len(first)} trials", values, colour=n + 2, dashed=True, marked=False))
    rows.append(shown("now", history, colour=1))
    return front_picture(rows, history.goals, "The front over time", headed=False)


def pareto(history: History, random: Sequence[Values] = (), *, headed: bool = True) -> str:
    """A chart of a run's front, all trials, the front of the first eighth, and random networks if any."""
    first = _first(history, _SHARES[0])
    rows = [Shown(f"trials ({len(history.scored)})", cloud=list(map(history.lower, history.scored)))]
    if random:
        front = [random[n] for n in nondominated(random)]
        name = f"random networks ({len(random)})" + (" and their front" if len(history.goals) == 2 else "")
        rows.append(Shown(name, front, (), random, colour=2, dashed=True, marked=False))
    start = [history.lower(trial) for trial in history.front_of(first)]
    rows.append(Shown(f"front of the first {len(first)} trials", start, colour=3, dashed=True, marked=False))
    rows.append(shown(f"front ({len(history.front)})", history, colour=1))
    return front_picture(rows, history.goals, "Pareto front", headed=headed)


def _first(history: History, share: float) -> list[Trial]:
    return history.scored[: max(1, round(share * len(history.scored)))]


def volume_figure(history: History) -> str:
    """A chart of the hypervolume of the front by trial, for two or three objectives.

    The volume is the fraction of the box between the best and the worst values of the trials that is
    dominated.
    """
    line = stairs(hypervolumes(history), history.trials[-1].number if history.trials else 0)
    rows = [Series("hypervolume of the front", line=line, colour=1)]
    return clouds(rows, title="Hypervolume", x_label="trial", y_label="fraction of the box", counted_x=True)


def hypervolumes(history: History) -> list[tuple[float, float]]:
    """The normalized hypervolume of the front as points (trial, volume); empty for > 3 objectives.

    The volume is the fraction of the box between the best and the worst values that the front dominates.
    """
    trials = history.scored
    if not trials or len(history.goals) > MOST_GOALS:
        return []
    values = [history.lower(trial) for trial in trials]
    low, high = bounds(values)
    within = [scaled(one, low, high) for one in values]
    if len(low) == 2:
        front, volume, made = Stairs(1.0, 1.0), 0.0, []
        for trial, (x, y) in zip(trials, within, strict=True):
            if gained := front.add(x, y):
                volume += gained
                made.append((float(trial.number), volume))
        return made
    stops = sorted({round((n + 1) * len(trials) / _STOPS) for n in range(_STOPS)} - {0})
    return [(float(trials[n - 1].number), hypervolume(within[:n], (1.0,) * len(low))) for n in stops]


def importance_figure(shares: Mapping[str, float], title: str) -> str:
    """A bar chart of the fraction of the variance that each decision explains, in the order of `shares`."""
    rows = [Bar(path, share) for path, share in list(shares.items())[:_MOST_BARS]]
    return bars(rows, title=title, format=lambda share: f"{share:.1%}")
