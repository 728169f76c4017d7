"""Numbers of a command line that must be in a range, and finite."""

from __future__ import annotations

from typing import Any

import click

from archdsl.runs.limits import LIMITS


class Within(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    """A number in the range that `archdsl.runs.limits` has for a setting of a training."""

    def __init__(self, setting: str):
        self.limit = LIMITS[setting]
        self.name = "integer" if self.limit.kind is int else "float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            number = self.limit.kind(value)
        except (ValueError, TypeError, OverflowError):
            number = None
        if not self.limit.holds(number):
            shown = value if len(str(value)) <= 40 else f"{str(value)[:39]}…"
            self.fail(f"{shown} is not {self.limit}", param, ctx)
        return number
