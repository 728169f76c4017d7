"""Values in the clauses of a search as plain Python, and the finding that a search cannot be run."""

from __future__ import annotations

from typing import Any

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.spec.search import SearchValue, Term
from archdsl.spec.units import Quantity


def term(value: SearchValue, what: str) -> Term:
    """A name with settings.  Raises SpecError (ARCH606) for anything else."""
    if not isinstance(value, Term):
        raise cannot(f"`{what}` is no name with settings", f"{what} = name(…)")
    return value


def plain(value: Any) -> Any:
    """A quantity as its amount in base units; other values as they are."""
    return value.amount if isinstance(value, Quantity) else value


def cannot(headline: str, help: str) -> SpecError:
    """The finding that a search cannot be run as it is written."""
    return SpecError([Diagnostic("ARCH606", headline, help=help)])
