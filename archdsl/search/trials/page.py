"""The report of a search by trials: progress, results, importance of decisions, failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.report.again import again_html
from archdsl.report.charts import short
from archdsl.report.duration import duration
from archdsl.report.run import Run
from archdsl.report.sections import added
from archdsl.report.sheet import (
    Part,
    cards,
    figure,
    folded,
    grid,
    preformatted,
    scrolled,
    sheet,
    table,
)
from archdsl.search.trials.front import Values
from archdsl.search.trials.history import History, Trial
from archdsl.search.trials.pictures import (
    MOST_GOALS,
    best_figure,
    fronts_over_time,
    importance_figure,
    pareto,
    volume_figure,
)

_BEST = 50
"""The maximum number of rows of the table of the best networks."""
_REASONS = 100
"""The maximum number of rows of the table of failures."""


@dataclass(frozen=True)
class Found:
    """Contents of the report in addition to the trials; each may be empty.

    `how` says how the best network was chosen; `best_text` is its spec, `diagram` an SVG of it and `layers`
    its layer table. `importance` has, for each objective, the fraction of the variance explained by each
    decision; `random` are the objectives of random networks.
    """

    how: str = ""
    best_text: str = ""
    diagram: str = ""
    layers: str = ""
    importance: Sequence[Mapping[str, float]] = ()
    random: Sequence[Values] = ()


def trials_page(run: Run, history: History, found: Found) -> str:
    """The report of a search by trials, finished or not, as an HTML page."""
    several = len(history.goals) > 1
    fronts = [
        figure("Pareto front", pareto(history, found.random, headed=False), _RANDOM if found.random else "")
    ]
    if several:
        volume = figure("Hypervolume of the front", volume_figure(history), _VOLUME)
        fronts += [figure("The front over time", fronts_over_time(history))]
        fronts += [volume] if len(history.goals) <= MOST_GOALS else []
    best = [figure(f"Best so far: {goal}", best_figure(history, n)) for n, goal in enumerate(history.goals)]
    so_far = "" if history.ended else " so far"
    parts = [
        Part(f"Result{so_far}", cards(_headline(run, history))),
        Part("Pareto front", grid(fronts) if several and history.scored else ""),
        Part("Best so far", grid(best) if history.scored else ""),
        Part("Decisions", _importance(history, found.importance), _IMPORTANCE),
        Part("Networks of the front" if several else "Best networks", _best(history), _listed(history)),
        Part("Failures", _failures(history), _FAILURES),
        Part(f"Diagram of the best network{so_far}", _diagram(found.diagram)),
        Part("Layers of the best network", scrolled(preformatted(found.layers)) if found.layers else ""),
        Part("The best network as a spec", folded("best.arch", found.best_text) if found.best_text else ""),
        *added(run),
        Part("How to reproduce it", again_html(run)),
    ]
    return sheet(
        f"Search of {run.manifest.settings.get('space') or run.manifest.name}",
        _lead(run, history, found),
        parts,
    )


_VOLUME = (
    "The fraction of the box between the best and the worst value of each objective that the front dominates"
    " (Zitzler and Thiele, 1998)."
)
_RANDOM = "Random networks, the same number as trials: all objectives are costs, which need no training."
_IMPORTANCE = (
    "The fraction of an objective's variance over the trials explained by each decision alone: main effects,"
    " as in functional ANOVA (Hutter, Hoos and Leyton-Brown, 2014), corrected for chance (ε²)."
    " Interactions of decisions are not included, and fractions overlap if the strategy chose outcomes"
    " jointly."
)
_FAILURES = "By kind and reason. A failed trial has no value; it counts as a trial, and is not repeated."


def _lead(run: Run, history: History, found: Found) -> list[str]:
    m = run.manifest
    data = m.data.get("name")
    facts = [f"Search {m.name}", f"seed {m.seed}", f"data {data}" if data else ""]
    lines = [", ".join(filter(None, facts)) + "."]
    words = [_word(m.settings.get(name)) for name in ("strategy", "evaluate")]
    if all(words):
        lines.append(f"Networks are proposed by `{words[0]}` and evaluated by `{words[1]}`.")
    lines.append("Objectives: " + ", ".join(map(str, history.goals)) + ".")
    if not history.ended:
        planned = m.settings.get("trials")
        lines.append(f"Not finished: {len(history.trials)} trials{f' of {planned}' if planned else ''}.")
    if found.how:
        lines.append(f"The best{'' if history.ended else ' so far'}: {found.how}.")
    if history.unread:
        lines.append(f"Skipped unreadable lines of the journal: {history.unread}.")
    return lines


def _headline(run: Run, history: History) -> list[tuple[str, str, str]]:
    settings, best, count = run.manifest.settings, history.best, len(history.trials)
    figures = []
    if best is not None:
        for goal, value in zip(history.goals, best.values, strict=True):
            figures.append((goal.text, short(value or 0.0), f"{goal.direction}d; trial {best.number}"))
    if len(history.goals) > 1:
        figures.append(("front", f"{len(history.front)}", "non-dominated networks"))
    lost = sum(map(len, history.failures().values()))
    figures.append(("trials", f"{count:,}", f"of {settings.get('trials', '?')}"))
    figures.append(("without a value", f"{lost:,}", f"{lost / count:.1%} of the trials" if count else ""))
    if history.seconds is not None and count:
        mean = sum(trial.seconds or 0.0 for trial in history.trials) / count
        figures.append(("time", duration(history.seconds), f"an evaluation takes {short(mean)} s"))
    return figures


def _word(found: Any) -> str:
    """The name of a strategy or evaluator as recorded in a manifest; "" if invalid."""
    name = found.get("name") if isinstance(found, dict) else None
    return name if isinstance(name, str) else ""


def _importance(history: History, shares: Sequence[Mapping[str, float]]) -> str:
    made = [
        figure(str(goal), importance_figure(one, f"Fraction of variance explained: {goal.text}"))
        for goal, one in zip(history.goals, shares, strict=False)
        if one
    ]
    return grid(made) if made else ""


def _best(history: History) -> str:
    """A table of the networks of the front, or, for one objective, of the best trials."""
    trials = _shown(history)
    if not trials:
        return ""
    scores = list(dict.fromkeys(name for trial in trials for name in trial.scores))
    costs = [n for n in dict.fromkeys(n for t in trials for n in t.costs) if n not in scores]
    texts = [goal.text for goal in history.goals]
    scores, costs = ([n for n in names if n not in texts] for names in (scores, costs))
    rows = [
        [
            f"{trial.number}", *(_number(value) for value in trial.values),
            *(_number(trial.scores.get(name)) for name in scores),
            *(_number(trial.costs.get(name)) for name in costs),
            *([f"{trial.epochs}"] if trial.epochs is not None else []),
        ]
        for trial in trials
    ]  # fmt: skip
    epochs = ["epochs"] if any(trial.epochs is not None for trial in trials) else []
    return table(["trial", *texts, *scores, *costs, *epochs], rows)


def _shown(history: History) -> list[Trial]:
    if len(history.goals) > 1:
        return history.front[:_BEST]
    return sorted(history.scored, key=lambda trial: (history.lower(trial), trial.number))[:_BEST]


def _listed(history: History) -> str:
    whole = len(history.front) if len(history.goals) > 1 else len(history.scored)
    return f"The first {_BEST} of {whole}; trials.csv has all." if whole > _BEST else ""


def _failures(history: History) -> str:
    counts: dict[tuple[str, str], list[Trial]] = {}
    for kind, trials in history.failures().items():
        for trial in trials:
            reason = trial.failure[1] if trial.failure else "it violates a requirement on a score"
            counts.setdefault((kind, reason), []).append(trial)
    if not counts:
        return ""
    ordered = sorted(counts.items(), key=lambda item: -len(item[1]))
    rows = [
        [kind, f"{len(trials)}", reason, _numbers(trials)] for (kind, reason), trials in ordered[:_REASONS]
    ]
    if len(ordered) > _REASONS:
        rows.append(["others", f"{sum(len(t) for _, t in ordered[_REASONS:])}", "trials.csv has all", ""])
    return table(["kind", "trials", "reason", "numbers"], rows)


def _numbers(trials: Sequence[Trial], most: int = 8) -> str:
    listed = ", ".join(str(trial.number) for trial in trials[:most])
    return f"{listed}, …" if len(trials) > most else listed


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.5g}"


def _diagram(svg: str) -> str:
    return scrolled(svg[max(0, svg.find("<svg")) :], "diagram") if svg else ""
