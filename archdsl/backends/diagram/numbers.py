"""Formats numbers in diagrams, with few digits."""

from __future__ import annotations

from math import floor, log10

from archdsl.ir import Graph
from archdsl.passes.analyses.networks import Networks

_UNITS = ((10**9, "G"), (10**6, "M"), (10**3, "K"))


def amount(n: int) -> str:
    """A number with three digits and a suffix: `2.51M`, `27.8G`, `640`."""
    for size, unit in _UNITS:
        if n >= size:
            return f"{n / size:.3g}{unit}"
    return str(n)


def many(n: int) -> str:
    """A count: exact if it is short, otherwise in a form such as `1.74e23`."""
    if n < 1_000_000:
        return f"{n:,}"
    exponent = floor(log10(n))
    return f"{10 ** (log10(n) - exponent):.2f}e{exponent}"


def counted(graph: Graph) -> list[str]:
    """Lines with the number of networks of a space, and of combinations of outcomes if that differs."""
    count = Networks(graph).count
    found = [("" if count.exact else "at most ") + plural(count.networks, "network")]
    if count.combinations != count.networks:
        found.append(plural(count.combinations, "combination"))
    return found


def plural(n: int, noun: str) -> str:
    return f"{many(n)} {noun}{'' if n == 1 else 's'}"
