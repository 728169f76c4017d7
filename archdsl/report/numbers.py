"""Formats numbers, counts and sizes for the command line and for messages."""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archdsl.passes.analyses.networks import Count

_EXACT_BELOW = 1_000_000_000
_DIGITS = 4000  # Python refuses to write out integers of more than 4,300 digits


def thousands(n: int) -> str:
    return f"{n:,}"


def large(n: int) -> str:
    """A count, exact if it is short, otherwise rounded: `1,024`, `1.74e23`."""
    if n < _EXACT_BELOW:
        return thousands(n)
    exponent = floor(log10(n))
    mantissa = f"{10 ** (log10(n) - exponent):.2f}"
    if mantissa == "10.00":
        mantissa, exponent = "1.00", exponent + 1
    return f"{mantissa}e{exponent}"


def networks(count: Count) -> str:
    """The number of networks as text: `84 networks`, `at most 1.74e23 networks`."""
    noun = "network" if count.networks == 1 else "networks"
    return f"{'' if count.exact else 'at most '}{large(count.networks)} {noun}"


def combinations(count: Count) -> list[str]:
    """`["192 combinations of outcomes"]`, or [] if there are as many networks."""
    more = count.combinations != count.networks
    return [f"{large(count.combinations)} combinations of outcomes"] if more else []


def counted(count: Count) -> str:
    """The size of a space as text: `84 networks (192 combinations of outcomes)`."""
    return " ".join([networks(count), *(f"({more})" for more in combinations(count))])


def count_data(count: Count | None) -> dict[str, object]:
    """A count as JSON values; None if it is unknown."""
    return {
        "networks": digits(count.networks) if count else None,
        "networks_exact": count.exact if count else None,
    }


def digits(n: int) -> str:
    """A count with all its digits, for programs; rounded if it has more than 4,000 digits."""
    return str(n) if n < 10**_DIGITS else large(n)


def shape(sizes: tuple[object, ...] | list[object]) -> str:
    """A shape in the format of `--set`, `3x360x480`."""
    return "x".join(map(str, sizes))


def setting(value: object) -> str:
    """The value of a setting in the format of `--set`."""
    if isinstance(value, bool):
        return str(value).lower()
    return shape(value) if isinstance(value, (tuple, list)) else str(value)


def plural(n: int, noun: str) -> str:
    return f"{thousands(n)} {noun}{'' if n == 1 else 's'}"


def bytes_text(count: int) -> str:
    """A size in a suitable unit: `512 B`, `1.5 KiB`, `117.0 MiB`."""
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"
