"""Importance of decisions: the fraction of an objective's variance explained by each one alone.

These are main effects, as in functional ANOVA (Hutter, Hoos and Leyton-Brown, ICML 2014), but computed from
the trials without a surrogate model: the variance between the outcomes of a decision divided by the total
variance. The part that is due to chance, which grows with the number of outcomes, is subtracted (ε², Kelley
1935). Interactions of decisions are not included; if a strategy chose outcomes jointly, fractions overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from archdsl.search.trials.history import History

MOST = 5_000
"""The maximum number of trials used; of more trials, an evenly spaced subset is used."""
LEAST = 20
"""The minimum number of trials; with fewer, fractions would be due to chance."""


def importance(
    history: History, goal: int, active: Callable[[tuple[int, ...]], Sequence[bool]] | None = None
) -> dict[str, float]:
    """The fraction of an objective's variance explained by each decision, 0 to 1, largest first.

    `active` returns which decisions are active for given outcomes; being inactive counts as a separate
    outcome of a decision. Empty with fewer than LEAST trials.
    """
    trials = history.scored[:: -(-len(history.scored) // MOST) or 1]
    if len(trials) < LEAST:
        return {}
    values = [history.lower(trial)[goal] for trial in trials]
    known = None if active is None else [active(trial.outcomes) for trial in trials]
    shares = {}
    for n, path in enumerate(history.decisions):
        groups: dict[int, list[float]] = {}
        for m, (trial, value) in enumerate(zip(trials, values, strict=True)):
            there = known is None or known[m][n]
            groups.setdefault(trial.outcomes[n] if there else -1, []).append(value)
        shares[path] = explained(list(groups.values()))
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def explained(groups: Sequence[Sequence[float]]) -> float:
    """ε²: the fraction of the variance of all values that their groups explain, corrected for chance."""
    count = sum(map(len, groups))
    mean = sum(map(sum, groups)) / count
    total = sum((value - mean) ** 2 for group in groups for value in group)
    within = sum(_squares(group) for group in groups)
    if total <= 0 or count <= len(groups):
        return 0.0
    by_chance = (len(groups) - 1) * within / (count - len(groups))
    return min(1.0, max(0.0, (total - within - by_chance) / total))


def _squares(group: Sequence[float]) -> float:
    mean = sum(group) / len(group)
    return sum((value - mean) ** 2 for value in group)
