"""Proves that all networks of a search's space are well-typed, before a search writes anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archdsl.diagnostics import SpecError
from archdsl.program import Space
from archdsl.search.options import SearchOptions
from archdsl.spec.check import demand_proved


def proved(space: Space, options: SearchOptions, settings: Mapping[str, Any]) -> bool:
    """Whether all networks of a space are proved well-typed; `settings` are overrides, for messages.

    Raises SpecError if some networks are ill-typed; returns False instead if `options` restrict the space by
    passes, which may remove these networks, or resume a run.
    """
    try:
        return demand_proved(space.elaborated)
    except SpecError as error:
        if options.passes is not None or options.resume:
            return False
        if not settings:
            raise
        under = ", ".join(f"{name} = {value}" for name, value in settings.items())
        found = [replace(d, headline=f"{space.name} with {under}: {d.headline}") for d in error.diagnostics]
        raise SpecError(found) from error
