"""The fewest outcomes that imply a condition."""

from __future__ import annotations

from collections.abc import Callable, Collection

Implies = Callable[[dict[str, int]], bool]


def shortened(
    outcomes: dict[str, int],
    implies: Implies,
    needed: Collection[str] = (),
    go_on: Callable[[], bool] = lambda: True,
) -> dict[str, int]:
    """The outcomes without those that the condition does not need, the last ones dropped first.

    None of the rest can be dropped by itself, unless `go_on` ended it.  `implies` is called a few times for
    each outcome kept, and once for each doubling of those dropped in between.
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
