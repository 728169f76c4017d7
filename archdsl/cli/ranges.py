"""Types of options that are numbers within a range."""

from __future__ import annotations

from typing import Any

import click

from archdsl.runs.limits import LIMITS


class Within(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    """The type of a number within the limits of a training setting (`archdsl.runs.limits`)."""

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
            self.fail(f"expected {self.limit}, got {shown}", param, ctx)
        return number
