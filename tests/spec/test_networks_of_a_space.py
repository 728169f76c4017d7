"""A network is one and the same: bound from its space, evaluated by itself, written out and read again.

benchmarks/fuzz_networks.py does so with many more.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from enumeration import network, program
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

import archdsl
from archdsl.diagnostics import SpecError
from archdsl.ir import Graph, Measure
from archdsl.ir.expr import leaves
from archdsl.ir.resolve import settled
from archdsl.ir.same import canonical_text
from archdsl.ir.text import dump, parse
from archdsl.passes.transforms.simplify import simplify
from archdsl.program import Network
from archdsl.spec.decompile import rows_text, written_out
from grown_spaces import LOOSE, OPTIONED, Grown, spaces

MANY = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
COSTS = (0, 1, 2, 7.5, 8, 30, 200, 2000.0, 10**6, 10**15)


def said(graph: Graph) -> str:
    return canonical_text(simplify(graph))


def bound(grown: Grown, decisions: Mapping[str, str]) -> Network | None:
    """The network of its space, or None where it is not well-typed."""
    space = program(grown.text).space("S")
    try:
        return space.bind({path: o for path, o in decisions.items() if path in space.decisions}, "F")
    except SpecError:
        return None


def from_rows(grown: Grown, network: Network) -> Network:
    rows = rows_text(network.bound, "space.arch").partition("network ")[2]
    return archdsl.load("f.arch", text=f"{grown.text}\nnetwork {rows}").network("F")


def forms(grown: Grown, found: Network) -> dict[str, Graph]:
    """The network as it is read again, from each text that there is of it; with outputs of the training."""
    whole = simplify(found.bound)
    return {
        "its rows": from_rows(grown, found).bound,
        "written out": archdsl.load("f.arch", text=written_out(whole)).network().bound,
        "its graph": parse(dump(whole)),
    }


def has_a_space(grown: Grown) -> bool:
    try:
        program(grown.text).space("S")
    except SpecError:
        event("no space")
        return False
    return True


@MANY
@given(spaces(steps=LOOSE), st.randoms(use_true_random=False))
def test_a_network_bound_is_the_network_evaluated_by_itself_and_read_again(grown: Grown, rng: random.Random):
    demand_one_meaning(grown, rng)


@MANY
@given(spaces(steps=OPTIONED), st.randoms(use_true_random=False))
def test_settings_by_decision_are_those_of_the_network_in_every_form(grown: Grown, rng: random.Random):
    demand_one_meaning(grown, rng)


def demand_one_meaning(grown: Grown, rng: random.Random) -> None:
    """Asserts that random networks are the same in every form."""
    for _ in range(4 if has_a_space(grown) else 0):
        decisions = {path: rng.choice(outcomes) for path, outcomes in grown.decisions.items()}
        found, alone = bound(grown, decisions), network(grown.text, decisions)
        event("ill-typed" if found is None else "unused" if "unused" in grown.text else "no unused")
        assert (found is None) == bool(alone.errors), (decisions, alone.errors)
        if found is None:
            continue
        assert alone.found is not None
        assert said(found.bound) == said(alone.found.graph), decisions
        for how, again in forms(grown, found).items():
            assert said(found.bound) == said(again), how
        assert from_rows(grown, found).bound == found.bound, "names of nodes, which are those of weights"


def truths(graph: Graph, costs: Mapping[Measure, float]) -> list[bool]:
    """Whether each requirement is met where the network costs that much; those that always are left out."""
    wanted = [r.condition for r in graph.requirements if r.condition is not True]
    return [settled(c, lambda leaf: costs[leaf] if isinstance(leaf, Measure) else leaf) for c in wanted]


@MANY
@given(spaces(most=4, steps=LOOSE, requirements=3), st.randoms(use_true_random=False))
def test_requirements_mean_the_same_in_a_space_in_its_networks_and_in_every_text_of_them(
    grown: Grown, rng: random.Random
):
    for _ in range(3 if has_a_space(grown) else 0):
        found = bound(grown, {path: rng.choice(outcomes) for path, outcomes in grown.decisions.items()})
        if found is None:
            event("ill-typed")
            continue
        alone = network(grown.text, found.chosen).found
        assert alone is not None
        others = {"by itself": alone.graph, **forms(grown, found)}
        measures = {
            m for r in found.bound.requirements for m in leaves(r.condition) if isinstance(m, Measure)
        }
        for _ in range(8):
            costs = {measure: rng.choice(COSTS) for measure in sorted(measures, key=repr)}
            here = truths(found.bound, costs)
            event(f"{len(here)} requirements, {sum(here)} met")
            for how, graph in others.items():
                assert here == truths(graph, costs), how
