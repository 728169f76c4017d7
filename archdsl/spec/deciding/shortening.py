"""Finds a minimal set of outcomes that implies a condition."""

from __future__ import annotations

from collections.abc import Callable, Collection

Implies = Callable[[dict[str, int]], bool]


def shortened(
    outcomes: dict[str, int],
    implies: Implies,
    needed: Collection[str] = (),
    go_on: Callable[[], bool] = lambda: True,
) -> dict[str, int]:
    """Removes outcomes that are not needed to imply a condition, beginning with the last; `needed` are kept.

    `implies` decides whether a set of outcomes implies the condition. No single one of the remaining outcomes
    can be removed, unless `go_on` returned False. `implies` is called a few times for each outcome kept, and
    a logarithmic number of times for consecutive outcomes that are removed.
    """
    kept = dict(outcomes)
    order = [path for path in reversed(outcomes) if path not in needed]
    at, together = 0, 1
    while at < len(order) and go_on():
        dropped = set(order[at : at + together])
        fewer = {path: outcome for path, outcome in kept.items() if path not in dropped}
        if implies(fewer):
            kept, at, together = fewer, at + len(dropped), 2 * together
        elif len(dropped) == 1:
            at += 1
        else:
            together = len(dropped) // 2
    return kept
