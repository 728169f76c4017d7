"""Which networks near a found one are tried: hill climbing, one decision at a time, the likeliest first.

Decisions are all that is seen here, never a network.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

Outcomes = tuple[int, ...]
"""An outcome of each decision, by number."""


def climb(
    first: Outcomes,
    chances: Sequence[Sequence[float]],
    most: int,
    name: Callable[[Outcomes], Hashable],
    score: Callable[[Outcomes], float],
) -> Outcomes:
    """The outcomes of the lowest score found, of at most `most` networks that are scored.

    A better network takes the place of the one before, and its neighbours come next; of those that are left
    the likeliest by `chances`.  Outcomes with equal names make one network; those named None make none that
    is wanted.
    """
    best, lowest = first, score(first)
    passed, known = {first}, {name(first)}
    tried = 1
    while tried < most:
        candidate = next((o for o in _neighbours(best, chances) if o not in passed), None)
        if candidate is None:
            break
        passed.add(candidate)
        called = name(candidate)
        if called is None or called in known:
            continue
        known.add(called)
        tried += 1
        if (value := score(candidate)) < lowest:
            best, lowest = candidate, value
    return best


def _neighbours(at: Outcomes, chances: Sequence[Sequence[float]]) -> Iterator[Outcomes]:
    """Those that differ in one decision, the likeliest first."""
    others = [
        (chance[outcome] / max(chance[at[n]], 1e-12), n, outcome)
        for n, chance in enumerate(chances)
        for outcome in range(len(chance))
        if outcome != at[n]
    ]
    for _, n, outcome in sorted(others, key=lambda other: (-other[0], *other[1:])):
        yield (*at[:n], outcome, *at[n + 1 :])
