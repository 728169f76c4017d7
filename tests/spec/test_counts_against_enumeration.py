"""As many networks are counted as there are different assignments of the active decisions."""

from __future__ import annotations

import random

from enumeration import program
from hypothesis import HealthCheck, event, given, settings

from archdsl.diagnostics import SpecError
from archdsl.passes.analyses.networks import Networks
from grown_spaces import Grown, spaces

MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@MANY
@given(spaces())
def test_networks_are_assignments_of_the_decisions_that_arise(grown: Grown):
    try:
        space = program(grown.text).space()
    except SpecError:
        return  # nothing to count
    known = set()
    for decisions in grown.networks():
        asked = {path: outcome for path, outcome in decisions.items() if path in space.decisions}
        bound = space.binder.bind(space.binder.outcomes(asked)).graph
        known.add(tuple(sorted(bound.chosen.items())))
    networks = Networks(space.graph)
    event("fewer networks than combinations" if networks.count.combinations > len(known) else "as many")
    assert networks.count == (len(known), True, space.size)
    drawn = networks.sample(random.Random(0))
    assert tuple(sorted((p, space.decisions[p].outcomes[o]) for p, o in drawn.items())) in known
