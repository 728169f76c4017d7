"""Every pass keeps the contract that it declares, and a pass that does not is caught."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings

import archdsl
from archdsl.diagnostics import SpecError
from archdsl.ir import Graph, Mux, Node
from archdsl.passes.analyses.cells import Cells
from archdsl.passes.analyses.depth import Depths
from archdsl.passes.analyses.shapes import Shapes
from archdsl.passes.base import Analysis, Contract, Transform
from archdsl.passes.costs.cost import Total
from archdsl.passes.identity import Identity
from archdsl.passes.pipeline import Pipeline
from archdsl.passes.registry import PASSES
from archdsl.passes.transforms.bind import Bind
from archdsl.passes.transforms.deployed import Deploy
from archdsl.passes.transforms.prune import Prune
from archdsl.passes.transforms.simplify import Simplify
from archdsl.passes.verifying import CHECKS, verified
from archdsl.program import Space
from grown_spaces import seeded
from random_networks import networks
from random_spaces import random_space

TWO = """arch 1

space Two {
  input image: [3, 8, 8]
  k = one of {3, 5}
  x = image -> conv(c = 4, k = k)
  y = one of {plain: x, act: x -> relu -> conv}
  output logits = y
  output aux train = x -> conv(c = 2)
  require params <= 1K
}
"""


def two() -> Graph:
    return archdsl.load("two.arch", text=TWO).space().graph


def space(seed: int) -> Space | None:
    """A random space; half of them have requirements and values over decisions."""
    if seed % 2 == 0:
        return random_space(seed)
    with suppress(SpecError):
        return archdsl.load("s.arch", text=seeded(seed, requirements=seed % 3).text).space("S")
    return None


def codes_of(run, graph: Graph) -> set[str]:
    try:
        run(graph, verify=verified)
    except SpecError as error:
        return {d.code for d in error.diagnostics}
    return set()


@pytest.mark.parametrize("seed", range(60))
def test_passes_keep_their_contracts_on_random_spaces(seed: int):
    one, rng = space(seed), random.Random(seed)
    if one is None or not one.decisions:
        return
    kept = {
        p: [o for o in d.outcomes if rng.random() < 0.6] or d.outcomes[:1] for p, d in one.decisions.items()
    }
    some = {path: outcomes for path, outcomes in kept.items() if rng.random() < 0.5}
    each = (
        Simplify(),
        Simplify(across_ops=False),
        Deploy(),
        Deploy(keep_decisions=False),
        Prune(some),
        Prune(kept),
        Bind(one.sample(rng)),
    )
    for run in (*each, Depths(), Cells(), Pipeline((Simplify(), Prune(some), Deploy(), Simplify()))):
        assert "ARCH417" not in codes_of(run, one.graph)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(networks())
def test_passes_keep_their_contracts_on_random_networks(graph: Graph):
    for run in (Simplify(), Simplify(across_ops=False), Deploy(), Shapes(), Total(), Identity()):
        assert codes_of(run, graph) == set()


@pytest.mark.parametrize("seed", range(1, 60, 2))
def test_a_space_pruned_to_one_outcome_each_is_the_network_bound(seed: int):
    one = space(seed)
    if one is None or not one.decisions:
        return
    outcomes = one.sample(random.Random(seed))
    with suppress(SpecError):
        bound = Bind(outcomes)(one.graph)
        pruned = Prune(outcomes)(one.graph)
        assert (pruned.outputs, pruned.decisions) == (bound.outputs, {})
        # What is only measured is left out where its size is a number by then.
        assert {name: bound.nodes.get(name) for name in pruned.nodes} == pruned.nodes


def changed(graph: Graph, name: str, **fields) -> Graph:
    return replace(graph, nodes={**graph.nodes, name: replace(graph.nodes[name], **fields)})


def with_node(graph: Graph, item: Node | Mux) -> Graph:
    return replace(graph, nodes={**graph.nodes, item.name: item})


def mutated(graph: Graph) -> Graph:
    graph.nodes.popitem()  # type: ignore[attr-defined]
    return replace(graph, outputs={"logits": "x"}, train_only=frozenset())


def measured(graph: Graph) -> Graph:
    Shapes()(Bind({"k": "3", "y": "plain"})(graph))
    Tally()(graph)
    return graph


BROKEN = {
    "a graph that breaks a rule": (lambda g: replace(g, outputs={}), "graph is invalid: outputs"),
    "a decision that goes": (
        lambda g: replace(g, requirements=(), decisions={"k": g.decisions["k"]}, nodes={"x": g.nodes["x"]},
                          outputs={"logits": "x"}, train_only=frozenset()),
        "it changes decisions",
    ),
    "another setting": (lambda g: changed(g, "y.relu", op="relu6"), "logits computes a different"),
    "other inputs": (lambda g: changed(g, "aux", inputs=("y.relu",)), "aux computes a different"),
    "an output that is missing in some networks": (
        lambda g: changed(g, "y.mux", cases=((0, "x"), (1, None))), "logits computes a different"
    ),
    "no requirements": (lambda g: replace(g, requirements=()), "it changes requirements"),
    "new weights": (lambda g: changed(g, "aux", weights="mine"), "weights mine are new"),
    "more nodes": (
        lambda g: with_node(g, replace(g.nodes["y.relu"], name="z", weights="z")),
        "6 nodes, 5 before",
    ),
    "another name": (lambda g: replace(g, name=g.name + "s"), "it changes name"),
    "a graph that is written over": (mutated, "it changes nodes"),
    "an analysis that is not declared": (measured, "it uses `tally`"),
}  # fmt: skip


@dataclass(frozen=True)
class Tally(Analysis[int]):
    name = "tally"
    summary = "how many nodes there are"

    def run(self, graph: Graph) -> int:
        return len(graph.nodes)


@dataclass(frozen=True)
class Liar(Transform):
    """Says that it changes nodes only and keeps everything."""

    name = "liar"
    summary = "does something else"
    contract = Contract(changes=frozenset(("nodes",)), guarantees=frozenset(CHECKS))
    how: object = None

    def run(self, graph: Graph) -> Graph:
        return self.how(graph)  # type: ignore[operator]


@pytest.mark.parametrize(("how", "what"), BROKEN.values(), ids=BROKEN.keys())
def test_a_pass_that_breaks_its_contract_is_caught_where_that_is_asked_for(how, what: str):
    with pytest.raises(SpecError) as caught:
        Liar(how)(two(), verify=verified)
    (found,) = caught.value.diagnostics
    assert found.code == "ARCH417"
    assert what in found.headline
    Liar(how)(two())


def test_a_pass_that_changes_something_each_time_is_not_idempotent():
    def renamed(graph: Graph) -> Graph:
        return changed(graph, "y.relu", cell=None, instance=None, weights=graph.nodes["y.relu"].weights + "+")

    with pytest.raises(SpecError, match=r"it is not idempotent"):
        Liar(renamed)(two(), verify=verified)


def test_a_graph_that_was_broken_before_is_not_the_fault_of_the_pass():
    with pytest.raises(SpecError, match="the graph of Two is invalid before `simplify`: outputs"):
        Simplify()(replace(two(), outputs={}), verify=verified)


def test_what_a_pass_needs_is_looked_at_before_it_runs():
    with pytest.raises(SpecError, match="`shapes` needs a network, but Two is a space"):
        Shapes()(two())
    network = Bind({"k": "3", "y": "act"})(two())
    with pytest.raises(SpecError, match="`prune` needs a space, but Two is a network"):
        Prune({"k": "3"})(network)


def test_an_analysis_runs_once_for_a_graph():
    graph = two()
    assert Tally()(graph) == Tally()(graph) == graph.facts[Tally()] == 5
    assert Tally()(replace(graph, nodes={})) == 0


def test_a_pipeline_is_a_pass_whose_contract_follows_from_those_of_its_passes():
    whole = Pipeline((Prune({"k": "5"}), Simplify(), Bind({"y": "act"})))
    assert whole.declared() == Contract(
        needs="space",
        uses=frozenset(("binder", "shapes")),
        changes=frozenset(("name", "nodes", "instances", "decisions", "requirements", "chosen")),
        guarantees=frozenset(("outputs", "weights", "no more nodes")),
    )
    nested = Pipeline((whole, Deploy()))(two(), verify=verified)
    assert nested == Deploy()(Bind({"k": "5", "y": "act"})(two()))
    assert dict(whole.before({}, two())) == {"k": "5", "y": "act"}


@pytest.mark.parametrize("name", PASSES)
def test_every_pass_says_what_it_is(name: str):
    one = PASSES[name]
    assert one.name == name
    assert one.summary
    assert one.__doc__
    assert issubclass(one, Transform) or not one.contract.changes | one.contract.guarantees
