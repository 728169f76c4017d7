"""The proof for a whole space says what listing its networks says."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from enumeration import Outcome, is_fault, network, place, program
from hypothesis import HealthCheck, event, given, settings

from archdsl.diagnostics import Diagnostic
from grown_spaces import Grown, spaces

MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def agrees(outcome: Outcome, witness: Iterable[tuple[str, str]]) -> bool:
    return all(outcome.decisions.get(path) == chosen for path, chosen in witness)


@pytest.mark.slow
@MANY
@given(spaces())
def test_a_space_is_proved_if_and_only_if_all_its_networks_are_well_typed(grown: Grown):
    report = program(grown.text).check()
    (proof,) = report.proofs
    networks = [network(grown.text, decisions) for decisions in grown.networks()]
    broken = [n for n in networks if n.errors]
    errors = [d for d in report.diagnostics if is_fault(d) and d.code != "ARCH404"]
    some, left = ("some" if broken else "no"), ("open" if proof.open else "closed")
    event(f"{some} network broken, {len(errors)} errors, {left}")
    if "ARCH228" in {d.code for d in errors}:
        return  # a number must have a value in all networks, also where nothing needs it
    if not broken:
        assert errors == []
        assert proof.open == ()
        return
    assert errors
    for error in errors:
        _witness_is_right(error, networks)


def _witness_is_right(error: Diagnostic, networks: list[Outcome]) -> None:
    """It breaks every network that has it, as the error says, and no part of it does."""
    having = [n for n in networks if agrees(n, error.witness)]
    assert having, error
    assert all(n.errors for n in having), error
    assert any(place(error) in n.places or error.code in n.codes for n in having), error
    for left_out in error.witness:
        fewer = [w for w in error.witness if w != left_out]
        others = [n for n in networks if agrees(n, fewer)]
        assert not all(place(error) in n.places for n in others), (error, left_out)
