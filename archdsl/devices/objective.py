"""Evaluates costs in objectives and requirements: expectations over outcomes, and exact costs of networks.

costs = Costs(space, tables)
loss = costs.soft(objective.value, probabilities, {"cross_entropy": loss})    # a torch scalar
penalty = costs.soft(requirement, probabilities)                              # 0 if satisfied
values = costs.exact(objective.value, outcomes, {"miou": scores})             # a number per network
met = costs.exact(requirement, outcomes)                                      # a boolean per network
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from archdsl.configs.decoding import Cells
from archdsl.devices.estimate import latency_ms, missing_rows
from archdsl.devices.formula import EXACT, MEASURES, MISSED, evaluate
from archdsl.devices.latency import Latency
from archdsl.devices.lattice_rows import LatticeRows
from archdsl.devices.price import LatencyPrice
from archdsl.devices.released_latency import released_latency
from archdsl.devices.replacing import replaced, replacements
from archdsl.devices.requirement import same_device
from archdsl.devices.table import Table
from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Graph, Mux
from archdsl.passes.analyses.closed_form import Entangled
from archdsl.passes.analyses.lattice import NoLattice, lattice
from archdsl.passes.analyses.picking import picked_by
from archdsl.passes.costs.expected import Expected
from archdsl.passes.costs.extremes import Sense
from archdsl.passes.costs.pricer import Pricer
from archdsl.passes.costs.pricing import MACS, PARAMS, Price
from archdsl.passes.costs.space_cost import MANY, SpaceCost, random_outcomes
from archdsl.spec.search_values import SearchValue, Term, terms_in, written

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from archdsl.program import Network, Space

Known = Mapping[str, Any]
"""The values of terms other than costs, by name: losses as tensors, scores as numbers or arrays."""

_CHECKED = 20_000  # networks checked for missing rows where expectations are infeasible


class Costs:
    """Evaluates costs in objectives and requirements for a space; analyses of the space are cached.

    `tables` are the latency tables for `latency` and `rate`: a term uses the table of the device that it
    names, or the only table. `stands` maps device names of the spec to substitute tables.
    """

    def __init__(
        self, space: Space, tables: Sequence[Table] = (), stands: Mapping[str, Table] | None = None,
        extended: Callable[[Network, Table], Table] | None = None,
    ):  # fmt: skip
        """`extended(network, table)` returns the table with rows for a network of another space."""
        self.space, self.tables, self.stands = space, tuple(tables), dict(stands or {})
        self._extended = extended
        self._latencies: dict[int, _Latency] = {}
        self._lattices: dict[tuple[str, int], LatticeRows] = {}

    def soft(
        self, value: SearchValue, probabilities: Mapping[str, torch.Tensor], known: Known | None = None
    ) -> torch.Tensor | float:
        """The differentiable value of an objective under independent outcomes.

        `probabilities` are vectors over outcomes, by decision path; decisions without one are uniform.
        Parameters, MACs and latency are expectations (`archdsl.passes.costs.expected`); rates and logarithms
        are functions of these expectations. The value of a comparison is its relative violation, 0 if it
        holds. Raises SpecError: ARCH824 and ARCH827 as `exact`, ARCH828 for a space without closed form,
        ARCH816 for terms whose settings name unknown decisions (`archdsl.devices.replacing`).
        """
        found: dict[str, Any] = {}

        def measure(term: Term) -> Any:
            if repr(term) not in found:
                found[repr(term)] = self._soft(term, probabilities)
            return found[repr(term)]

        result: torch.Tensor | float = evaluate(value, measure, known or {}, MISSED)
        return result

    def exact(self, value: SearchValue, outcomes: Any, known: Known | None = None) -> NDArray[Any]:
        """The values of an objective, or whether a comparison holds, for each of N networks.

        `outcomes` are outcome indices, N × decisions, in the order of the space's decisions. Raises
        SpecError: ARCH824 if the table lacks rows, ARCH827 without a table of the device.
        """
        import numpy as np

        rows = np.asarray(outcomes)
        with np.errstate(all="ignore"):  # infinite or NaN: an objective is not finite, a comparison false
            found = evaluate(value, lambda term: self._exact(term, rows), known or {}, EXACT)
        return np.broadcast_to(np.asarray(found), (len(rows),))

    def one(self, value: SearchValue, outcomes: Sequence[int], known: Known | None = None) -> Any:
        """The value of `exact` for one network, without arrays: a number, or whether a comparison holds."""
        if isinstance(value, Term) and value.name in MEASURES:
            return self._one(value, outcomes)
        return evaluate(value, lambda term: self._one(term, outcomes), known or {}, EXACT)

    def _one(self, term: Term, row: Sequence[int]) -> float:
        if term.name in ("latency", "rate"):
            ms = self._latency(term).one(row)
            return ms if term.name == "latency" else 1000 / ms
        count = self._counts.pricer(PARAMS if term.name == "params" else MACS).one(row)
        return 2 * count if term.name == "flops" else count

    def demand_tables(self, values: Iterable[SearchValue]) -> None:
        """Raises SpecError (ARCH827) if objectives or requirements need a latency table but none is given."""
        for term in (term for value in values for term in terms_in(value)):
            if term.name in ("latency", "rate"):
                self._table(term)

    def lacking(self, term: Term, outcomes: Any) -> NDArray[np.bool_]:
        """Whether the table lacks rows for a cost, for each of N networks; for these, `exact` raises ARCH824.

        Raises SpecError (ARCH827) without a table of the device.
        """
        import numpy as np

        rows = np.asarray(outcomes)
        if term.name not in ("latency", "rate"):
            return np.zeros(len(rows), dtype=bool)
        return self._latency(term).lacking(rows)

    def has_tables(self, term: Term) -> bool:
        """Whether a cost has a closed form, so that many networks can be priced by lookups.

        Raises SpecError (ARCH827) without a latency table of the device.
        """
        return isinstance(self._priced(term)[0].pricer(self._priced(term)[1]), Pricer)

    def affordable(self, terms: Iterable[Term]) -> int:
        """The number of networks for which these costs can be computed in a few seconds.

        It is limited by costs without a closed form. Raises SpecError (ARCH827) without a latency table of
        the device.
        """
        return min((cost.samples([price]) for cost, price in map(self._priced, terms)), default=MANY)

    def extreme(self, term: Term, sense: Sense) -> tuple[int, ...]:
        """The outcome indices of the network with the lowest or highest cost, or of the best one found.

        For a rate, "least" is the slowest network. Raises SpecError as `has_tables`.
        """
        other: dict[Sense, Sense] = {"least": "most", "most": "least"}
        cost, price = self._priced(term)
        return cost.extreme(price, other[sense] if term.name == "rate" else sense).outcomes

    def _priced(self, term: Term) -> tuple[SpaceCost, Price]:
        if term.name in ("latency", "rate"):
            latency = self._latency(term)
            return latency.cost, latency.by.price
        return self._counts, PARAMS if term.name == "params" else MACS

    def _soft(self, term: Term, probabilities: Mapping[str, torch.Tensor]) -> Any:
        if term.name in ("latency", "rate"):
            decisions = self.space.decisions
            ms = self._soft_ms(term, replaced(replacements(term, decisions), probabilities, decisions))
            return ms if term.name == "latency" else 1000 / ms
        mean = _expected(self._counts, PARAMS if term.name == "params" else MACS).torch(probabilities)
        return 2 * mean if term.name == "flops" else mean

    def _soft_ms(self, term: Term, probabilities: Mapping[str, torch.Tensor]) -> Any:
        latency, mode = self._latency(term), term.settings.get("mode")
        if not isinstance(mode, Term) or mode.name != "released":
            return latency.fixed_ms + latency.expected.torch(probabilities)
        key = written(mode), id(latency.table)
        if key not in self._lattices:
            cells = Cells(**{name: str(value) for name, value in mode.settings.items()})
            self._lattices[key] = self._lattice(term, cells, latency.table)
        return released_latency(self._lattices[key], probabilities)

    def _lattice(self, term: Term, cells: Cells, table: Table) -> LatticeRows:
        """The latencies of the lattice of cells that these decisions form.

        Raises SpecError: ARCH816 if they form no lattice, ARCH824 if the table lacks rows.
        """
        graph = self.space.deployed
        try:
            found = LatticeRows(graph, lattice(graph, cells.kinds, cells.reads, cells.widths), table)
        except NoLattice as error:
            headline = (
                f"`mode = released` requires a lattice of cells, and `{graph.name}` is not one: {error}"
            )
            help = (
                "mode = released(kinds = …, reads = …, widths = …) names its decisions; or mode = corrected"
            )
            place = Label(term.at) if term.at else None
            raise SpecError([Diagnostic("ARCH816", headline, place, help=help)]) from error
        if found.missing:
            raise missing_rows(sorted(found.missing), table, graph.settings)
        return found

    def _exact(self, term: Term, rows: Any) -> Any:
        if term.name in ("latency", "rate"):
            ms = self._latency(term).many(rows)
            return ms if term.name == "latency" else 1000 / ms
        counts = self._counts.pricer(PARAMS if term.name == "params" else MACS).many(rows)
        return 2 * counts if term.name == "flops" else counts

    @cached_property
    def _counts(self) -> SpaceCost:
        return SpaceCost(self.space.deployed)

    def of_network(self, term: Term, network: Network) -> float:
        """A cost of a network of this space or of another one.

        Raises SpecError: ARCH824 if the table lacks rows, ARCH827 without a table of the device.
        """
        if term.name in ("latency", "rate"):
            table = self._table(term)
            ms = latency_ms(network, self._extended(network, table) if self._extended else table)
            return ms if term.name == "latency" else 1000 / ms
        if term.name == "params":
            return network.params
        return network.macs if term.name == "macs" else 2 * network.macs

    def _latency(self, term: Term) -> _Latency:
        table = self._table(term)
        if id(table) not in self._latencies:
            price = Latency(table)(self.space.deployed)
            self._latencies[id(table)] = _Latency(SpaceCost(price.graph), price, table)
        return self._latencies[id(table)]

    def _table(self, term: Term) -> Table:
        device = term.settings.get("device")
        fitting = [t for t in self.tables if device is None or same_device(str(device), t.device.model)]
        if device is not None and str(device) in self.stands:
            fitting = [self.stands[str(device)]]
        if len(fitting) != 1:
            raise _no_table(term, self.tables, len(fitting))
        return fitting[0]


@dataclass(frozen=True, eq=False)
class _Latency:
    """The latencies of the networks of a space by one table."""

    cost: SpaceCost
    by: LatencyPrice
    table: Table

    @property
    def fixed_ms(self) -> float:
        return self.by.fixed_ms

    def many(self, rows: Any) -> Any:
        """The latencies of N networks in ms. Raises SpecError (ARCH824) if the table lacks rows for one."""
        pricer = self.cost.pricer(self.by.price)
        ms = self.fixed_ms + pricer.many(rows)
        if self.lacking(rows).any():
            raise self._missing()
        return ms

    def one(self, row: Sequence[int]) -> float:
        """The latency of one network in ms. Raises SpecError (ARCH824) if the table lacks rows for it."""
        ms = self.fixed_ms + self.cost.pricer(self.by.price).one(row)
        if self.by.missing and self.cost.pricer(self.by.lacking).one(row):
            raise self._missing()
        return ms

    def lacking(self, rows: Any) -> NDArray[np.bool_]:
        """Whether the table lacks rows for each of N networks."""
        import numpy as np

        if not self.by.missing:
            return np.zeros(len(rows), dtype=bool)
        return self.cost.pricer(self.by.lacking).many(rows) > 0

    @cached_property
    def expected(self) -> Expected:
        """The expected latency in ms, without `fixed_ms`, as a function of outcome probabilities.

        Raises SpecError: ARCH824 if the table lacks rows for some network of the space, ARCH828 without
        closed form.
        """
        found = _expected(self.cost, self.by.price)
        if self.by.missing and self._some_network_lacks():
            raise self._missing()
        return found

    def _missing(self) -> SpecError:
        return missing_rows(sorted(self.by.missing), self.table, self.cost.graph.settings)

    def _some_network_lacks(self) -> bool:
        lacking = self.cost.expected(self.by.lacking)
        if lacking.exact or lacking.of() == 0:
            return lacking.of() > 0
        sampled = random_outcomes(self.cost.graph, _CHECKED)
        return bool(self.cost.pricer(self.by.lacking).many(sampled).any())


def _expected(cost: SpaceCost, price: Price) -> Expected:
    """The expectation of a price. Raises SpecError (ARCH828) for a space without closed form."""
    try:
        return cost.expected(price)
    except Entangled as error:
        headline = f"`{cost.graph.name}` has no expected {price.name}: {error}"
        help = f"minimize the loss only, and add `require {price.name} <= …` to the space"
        raise SpecError(
            [Diagnostic("ARCH828", headline, _place(cost.graph, error.node), help=help)]
        ) from error


def _place(graph: Graph, name: str | None) -> Label | None:
    """The location of the decision that selects a node, or else that of the node itself; None if neither is
    known.
    """
    item = graph.nodes.get(name or "")
    if item is None:
        return None
    by = item.on if isinstance(item, Mux) and isinstance(item.on, str) else None
    picked = picked_by(graph, item.name)
    decision = graph.decisions[by] if by else picked.decision if picked else None
    if decision is not None and decision.location is not None:
        return Label(decision.location, f"`{decision.path}` is declared here")
    return Label(item.location, f"in `{item.name}`") if item.location else None


def _no_table(term: Term, tables: Sequence[Table], fitting: int) -> SpecError:
    device = term.settings.get("device")
    of = f" of `{device}`" if device is not None else ""
    if fitting:
        headline = f"{fitting} latency tables{of} match: select one with `{term.name}(device = …)`"
    else:
        given = ", ".join(t.device.model for t in tables) or "none"
        headline = f"`{term.name}` needs a latency table{of}; available: {given}"
    named = f"; substitute another one with --table {device}=FILE" if device is not None else ""
    build = "build one on the device: archdsl latency build SPEC -o table.json"
    help = f"{build}; or build one for this machine with --table auto{named}"
    return SpecError([Diagnostic("ARCH827", headline, help=help)])
