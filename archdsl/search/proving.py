"""Proves the space of a search, under the settings of the search, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archdsl.diagnostics import SpecError
from archdsl.program import Space
from archdsl.search.options import SearchOptions
from archdsl.spec.check import demand_proved


def proved(space: Space, options: SearchOptions, settings: Mapping[str, Any]) -> bool:
    """Whether all networks of a space are proved well-typed; `settings` are those that the search overrides.

    Raises SpecError if some are ill-typed, except if `options` restrict the space by passes, which may remove
    these, or resume a run.
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
