"""Proves the obligations of a space for all networks, or finds decisions that violate them.

Networks are not enumerated: see `archdsl.spec.deciding.searcher`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archdsl.diagnostics import Diagnostic, Label, Location, Severity
from archdsl.ir import Value
from archdsl.ir.expr import TooLargeError, apply
from archdsl.ops.base import ADVISORY
from archdsl.passes.analyses.networks import Count
from archdsl.spec.deciding.searcher import BUDGET, Outcomes, Searcher, Undecided
from archdsl.spec.elaborate import Elaborated
from archdsl.spec.evaluate.builder import Obligation
from archdsl.spec.prove.witness import Witness, Witnesses


@dataclass(frozen=True)
class Proof:
    """A summary of what was proved about a space or network.

    `obligations` is the number of conditions that were decided, `open` lists those that were not, as text.
    `size` is the number of combinations of outcomes. `count` is the number of networks, if there are no
    errors.
    """

    target: str
    kind: str
    decisions: int
    size: int
    obligations: int
    open: tuple[str, ...] = ()
    ok: bool = True
    count: Count | None = None

    @property
    def proved(self) -> bool:
        return self.ok and not self.open


@dataclass
class Prover:
    """Decides the obligations of an elaborated space or network."""

    found: Elaborated
    budget: int = BUDGET

    def __post_init__(self) -> None:
        self.searcher = Searcher(self.found.graph.decisions, self.found.definitions, self.budget)
        self.witnesses = Witnesses(self.found, self.budget)

    def run(self) -> tuple[list[Diagnostic], list[str], int]:
        """Returns the diagnostics, the undecided conditions as text, and the number of decided conditions."""
        diagnostics: list[Diagnostic] = []
        open_: list[str] = []
        said: set[tuple[str, Location]] = set()
        settled: dict[object, Outcomes | None] = {}
        for obligation in self.found.obligations:
            place = (obligation.code, obligation.location)
            if place in said:
                continue
            try:
                witness = self._decide(obligation, settled)
            except Undecided:
                witness = self.witnesses.sampled(obligation)
                if witness is None and obligation.code not in ADVISORY:  # not needed for well-typedness
                    open_.append(f"{obligation.location}: {obligation.code} of `{obligation.node}`")
            if witness is not None:
                said.add(place)
                diagnostics.append(self._diagnostic(obligation, witness))
        diagnostics.extend(self._undefined_outputs(open_))
        decided = self.found.settled + len(self.found.obligations) - len(open_)
        return diagnostics, list(dict.fromkeys(open_)), decided

    def _decide(self, obligation: Obligation, settled: dict[object, Outcomes | None]) -> Witness | None:
        """A witness that violates the obligation; None if the obligation holds in all networks.

        Raises Undecided if the budget is exhausted.
        """
        formula = obligation.condition
        for condition in obligation.conditions:
            formula = self._or(formula, apply("not", condition))
        key = (formula, tuple(obligation.allowed.items()))
        try:
            if key not in settled:
                settled[key] = self.searcher.counterexample(formula, obligation.allowed)
        except Undecided:
            return self.witnesses.exact(obligation)
        outcomes = settled[key]
        if outcomes is None:
            return None
        return self.witnesses.of(obligation, outcomes) or self.witnesses.exact(obligation)

    @staticmethod
    def _or(a: Value, b: Value) -> Value:
        try:
            return apply("or", a, b)
        except TooLargeError:
            raise Undecided from None

    def _diagnostic(self, obligation: Obligation, witness: Witness) -> Diagnostic:
        decisions = self.found.graph.decisions
        chosen = tuple((path, decisions[path].outcomes[o]) for path, o in witness.outcomes.items())
        severity, help = self._severity(obligation.code, chosen)
        values = {
            name: self.witnesses.value(value, witness.outcomes, witness.bound)
            for name, value in obligation.values.items()
        }
        return Diagnostic(
            obligation.code,
            obligation.message.format(**values),
            Label(obligation.location, f"in `{obligation.node}`"),
            severity=severity,
            trace=obligation.trace.labels() if obligation.trace else (),
            witness=chosen,
            help=help,
        )

    def _severity(self, code: str, witness: tuple[tuple[str, str], ...]) -> tuple[Severity, str | None]:
        """The severity and help of a violation; only advisory codes, of indivisible sizes, are not always
        errors.

        An indivisible size is an error if the file declares it for all its networks. It may be intended where
        it was overridden, depends on decisions, or belongs to a network of a space: then it is a warning or a
        note.
        """
        if code not in ADVISORY:
            return "error", None
        help = "choose a divisible input size; if this one is intended, write the padding: padding = 1"
        if witness:
            return "note", help
        wanted = self.found.resized or self.found.graph.chosen
        return ("warning" if wanted else "error"), help

    def _undefined_outputs(self, open_: list[str]) -> Iterator[Diagnostic]:
        for output, node in self.found.graph.outputs.items():
            present = self.found.present.get(node, True)
            try:
                outcomes = self.searcher.counterexample(present, {})
            except Undecided:
                open_.append(f"{self.found.location}: output `{output}` is defined")
                continue
            if outcomes is None:
                continue
            decisions = self.found.graph.decisions
            yield Diagnostic(
                "ARCH406",
                f"output `{output}` is not defined in every network",
                Label(self.found.output_locations[output], ""),
                witness=tuple((p, decisions[p].outcomes[o]) for p, o in outcomes.items() if p in decisions),
                help="one of its input tensors is undefined there",
            )


def prove(found: Elaborated, kind: str, budget: int = BUDGET) -> tuple[list[Diagnostic], Proof]:
    """Decides every obligation of a space or network; returns the diagnostics and the proof."""
    diagnostics, open_, decided = Prover(found, budget).run()
    errors = any(d.severity == "error" for d in diagnostics)
    proof = Proof(
        found.graph.name,
        kind,
        len(found.graph.decisions),
        found.graph.size,
        decided,
        tuple(open_),
        not errors,
    )
    return diagnostics, proof
