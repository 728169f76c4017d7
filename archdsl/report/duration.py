"""Formats durations."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A duration in its two largest units: `48 s`, `4 min 51 s`, `2 h 10 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
