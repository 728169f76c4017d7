"""How the command line writes numbers."""

from __future__ import annotations

from math import floor, log10

_EXACT_BELOW = 1_000_000_000
_DIGITS = 4000  # Python refuses to write out whole numbers of more than 4,300 digits


def thousands(n: int) -> str:
    return f"{n:,}"


def large(n: int) -> str:
    """A count exactly where it is short, otherwise rounded: `1,024`, `1.74e23`."""
    if n < _EXACT_BELOW:
        return thousands(n)
    exponent = floor(log10(n))
    mantissa = f"{10 ** (log10(n) - exponent):.2f}"
    if mantissa == "10.00":
        mantissa, exponent = "1.00", exponent + 1
    return f"{mantissa}e{exponent}"


def digits(n: int) -> str:
    """All digits of a count, for programs; rounded only where there would be thousands of them."""
    return str(n) if n < 10**_DIGITS else large(n)


def shape(sizes: tuple[object, ...] | list[object]) -> str:
    """A shape as `--set` takes it, `3x360x480`."""
    return "x".join(map(str, sizes))


def setting(value: object) -> str:
    """A setting's value as `--set` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return shape(value) if isinstance(value, (tuple, list)) else str(value)


def plural(n: int, noun: str) -> str:
    return f"{thousands(n)} {noun}{'' if n == 1 else 's'}"
