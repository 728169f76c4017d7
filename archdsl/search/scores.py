"""The terms of a search's objectives: losses, costs, and the tables and devices that they refer to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl.devices.formula import MEASURES, MISSED
from archdsl.ir import Graph
from archdsl.search.config import SearchConfig
from archdsl.search.terms import cannot
from archdsl.spec.losses import class_rule, loss_kinds, loss_terms
from archdsl.spec.search_values import Formula, SearchValue, Term, terms_in

if TYPE_CHECKING:
    from archdsl.devices.table import Table

UNITS = {"latency": "latency_ms", "rate": "fps"}
"""The display names, with units, of costs whose names in the language have none."""


def terms_of(config: SearchConfig) -> list[Term]:
    """All terms of the objectives and requirements of a search, in pre-order."""
    return [term for value in values_of(config) for term in terms_in(value)]


def losses_of(config: SearchConfig) -> list[Term]:
    """The losses in the objectives and requirements of a differentiable search.

    Raises SpecError (ARCH606) for terms that such a search does not support, and without a loss.
    """
    found, known_losses = terms_of(config), loss_kinds()
    for term in found:
        if term.name not in (*known_losses, *MEASURES, "log", "window"):
            known = ", ".join((*known_losses, *sorted(MEASURES), "log"))
            headline = f"`{term.name}` is not allowed in a differentiable objective"
            raise cannot(headline, f"available: {known}", term.at)
    losses = loss_terms(*values_of(config))
    if not losses:
        first = config.objectives[0].at if config.objectives else None
        raise cannot("missing loss in the objective", "minimize cross_entropy + 0.01 * log(macs)", first)
    for value in values_of(config):
        _demand_soft(value)
    return losses


def demand_table(config: SearchConfig, given: bool) -> None:
    """Raises SpecError (ARCH606) if a search names a latency or rate, but no latency table was `given`."""
    timed = _timed(config)
    if timed is not None and not given:
        help = "build one for this machine with --table auto, or pass one with --table FILE"
        raise cannot("an objective on latency needs a latency table", help, timed.at)


def latency_of(config: SearchConfig) -> Term | None:
    """The latency on the device of the search's first latency or rate, as a term; None without either."""
    timed = _timed(config)
    if timed is None:
        return None
    device = {key: value for key, value in timed.settings.items() if key == "device"}
    return Term("latency", device, at=timed.at)


def class_weights_rule(config: SearchConfig) -> str | None:
    """The rule of class weights that the losses of a search name; None if they name no rule.

    Raises SpecError (ARCH606) for several rules.
    """
    return weights_rule(loss_terms(*values_of(config)))


def weights_rule(losses: Sequence[Term]) -> str | None:
    """The rule of class weights that these losses name; None if they name no rule.

    Raises SpecError (ARCH606) for several rules.
    """
    rules = {rule: term for term in losses if (rule := class_rule(term)) is not None}
    if len(rules) > 1:
        last = list(rules.values())[-1]
        place = last.places.get("class_weights", last.at)
        raise cannot("several rules of class weights", "write the same `class_weights` in all losses", place)
    return next(iter(rules), None)


def values_of(config: SearchConfig) -> list[SearchValue]:
    """The formulas of the objectives and requirements of a search."""
    return [*(objective.value for objective in config.objectives), *config.requirements]


def read_tables(paths: Sequence[Path]) -> list[Table]:
    """Reads latency tables.

    Raises SpecError: ARCH820 for invalid files, ARCH821 for other conditions than here.
    """
    from archdsl.devices.estimate import read_table

    return [read_table(path)[0] for path in paths]


def tables_named(config: SearchConfig) -> list[str]:
    """The latency table files that objectives and requirements name: `latency(table = "…")`."""
    return list(dict.fromkeys(str(t.settings["table"]) for t in terms_of(config) if "table" in t.settings))


def devices_named(config: SearchConfig, graph: Graph) -> list[str]:
    """The devices of `latency` and `rate` in the search, and in the requirements of the space (`graph`)."""
    from archdsl.devices.requirement import measures

    timed = [term for term in terms_of(config) if term.name in UNITS]
    named = [str(term.settings["device"]) for term in timed if "device" in term.settings]
    required = [m for r in graph.requirements for m in measures(r.condition) if m.name in UNITS]
    named += [str(value) for m in required for key, value in m.options if key == "device"]
    return list(dict.fromkeys(named))


def _timed(config: SearchConfig) -> Term | None:
    """The first latency or rate in the objectives and requirements of a search; None without one."""
    return next((term for term in terms_of(config) if term.name in UNITS), None)


def _demand_soft(value: SearchValue) -> None:
    """Raises SpecError (ARCH606) for an operator that cannot be part of a differentiable objective."""
    if isinstance(value, Formula) and value.op not in ("+", "-", "*", "/", "**", "..", *MISSED):
        help = f"differentiable searches support {', '.join(MISSED)}"
        raise cannot(f"`{value.op}` is not differentiable", help, value.at)
    if isinstance(value, Formula) or (isinstance(value, Term) and value.name != "window"):
        for part in value.args:
            _demand_soft(part)
