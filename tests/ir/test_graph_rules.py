"""Every rule of the IR has a graph that breaks it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from archdsl.ir import Apply, Decision, Dim, Graph, Instance, Mux, Node, Pick, Requirement
from archdsl.ir.verify import IRError, Violation, verify, violations
from archdsl.ops import primitives
from ir.strategies import graphs


def node(name, op, *inputs, **attrs):
    return Node(name, op, inputs, attrs, name)


CONV = {"c": 8, "k": 3, "s": 1, "d": 1, "g": 1, "bias": False}
SOUND = Graph(
    "Sound",
    {"image": (3, 8, 8)},
    {
        n.name: n
        for n in (
            replace(
                node("a", "conv", "image", **{**CONV, "c": Pick("w", (4, 8))}), instance="stem", cell="body"
            ),
            node("b", "relu", "a"),
            node("c", "conv", "b", **CONV),
            replace(node("d", "conv", "b", **CONV), weights="c"),
            Mux("m", "w", ((0, "c"), (1, "d"))),
        )
    },
    {"logits": "m"},
    {"w": Decision("w", ("4", "8")), "e": Decision("e", ("x", "y"), under=("w", 1))},
    {"stem": Instance("stem", "op", "conv"), "body": Instance("body", "cell", "Body")},
    (Requirement(Apply("le", (Dim("a", 0), 8)), "narrow"),),
    {"classes": 19},
)


def with_node(item, at=None):
    return replace(SOUND, nodes={**SOUND.nodes, at or item.name: item})


def with_relu(**fields):
    return with_node(replace(node("z", "relu", "a"), **fields))


def with_decision(decision):
    return replace(SOUND, decisions={**SOUND.decisions, decision.path: decision})


def with_attr(**attrs):
    return with_node(replace(SOUND.nodes["c"], attrs={**CONV, **attrs}))


def test_a_sound_graph_breaks_no_rule():
    verify(SOUND, primitives())


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(graphs())
def test_random_graphs_break_no_rule(graph):
    assert violations(graph) == ()


BROKEN = {
    "a node under another name": (with_node(node("other", "relu", "a"), at="z"), "names"),
    "a node with the name of an input": (with_node(node("image", "relu", "a")), "names"),
    "an input without a size": (replace(SOUND, inputs={"image": (3, 0, 8)}), "inputs"),
    "an input that is missing": (with_node(node("z", "relu", "nowhere")), "order"),
    "an input that stands behind": (with_node(node("a", "relu", "c")), "order"),
    "an input of itself": (with_node(node("z", "relu", "z")), "order"),
    "an optional input that is none": (with_relu(optional=frozenset({1})), "order"),
    "no output": (replace(SOUND, outputs={}), "outputs"),
    "an output of nothing": (replace(SOUND, outputs={"logits": "nowhere"}), "outputs"),
    "a decision for more than there are": (with_decision(Decision("z", ("x",), 2)), "decisions"),
    "a decision between nothing": (with_decision(Decision("z", ())), "decisions"),
    "a label twice": (with_decision(Decision("z", ("x", "x"))), "decisions"),
    "a decision under nothing": (with_decision(Decision("z", ("x",), under=("nowhere", 0))), "under"),
    "a decision under no outcome": (with_decision(Decision("z", ("x",), under=("w", 2))), "under"),
    "a decision under itself": (with_decision(Decision("w", ("4", "8"), under=("e", 0))), "under"),
    "a mux without cases": (with_node(Mux("z", Dim("a", 0), ())), "mux"),
    "a mux with a case twice": (with_node(Mux("z", Dim("a", 0), ((1, "a"), (1, "b")))), "mux"),
    "a mux of no decision": (with_node(Mux("z", "nowhere", ((0, "a"),))), "mux"),
    "a mux with a case too many": (with_node(Mux("z", "w", ((0, "a"), (1, "b"), (2, "c")))), "mux"),
    "a mux keyed by labels": (with_node(Mux("z", "w", (("4", "a"), ("8", "b")))), "mux"),
    "a pick by no decision": (with_attr(c=Pick("nowhere", (4, 8))), "values"),
    "a pick with too few values": (with_attr(c=Pick("w", (4,))), "values"),
    "a pick deep inside": (with_attr(c=Apply("not", (Apply("not", (Pick("nowhere", (1,)),)),))), "values"),
    "a dimension of what stands behind": (with_attr(c=Dim("m", 0)), "values"),
    "a fourth dimension": (with_attr(c=Dim("a", 3)), "values"),
    "an unknown function": (with_attr(c=Apply("sin", (Dim("a", 0),))), "values"),
    "a function of constants": (with_attr(c=Apply("add", (1, 2))), "values"),
    "a value that is none": (with_node(node("z", "conv", "b", **{**CONV, "c": [1, 2]})), "values"),
    "a requirement on nothing": (replace(SOUND, requirements=(Requirement(Dim("z", 0), "z"),)), "values"),
    "a setting that is none": (replace(SOUND, settings={"classes": object()}), "values"),
    "weights of another primitive": (with_relu(weights="c"), "weights"),
    "weights of another size": (with_node(replace(SOUND.nodes["d"], attrs={**CONV, "c": 9})), "weights"),
    "an instance that is missing": (with_relu(instance="nowhere"), "instances"),
    "an op that is a cell": (with_relu(instance="body"), "instances"),
    "a cell that is an op": (with_relu(cell="stem"), "instances"),
    "choices without an origin": (replace(SOUND, chosen={"z": "1"}), "origin"),
    "a choice still open": (replace(SOUND, origin="Space", chosen={"w": "4"}), "origin"),
    "an unknown primitive": (with_node(node("z", "unheard_of", "a")), "primitives"),
    "a primitive without a setting": (with_node(node("z", "conv", "a", c=8)), "primitives"),
    "a primitive with another's setting": (with_node(node("z", "relu", "a", k=3)), "primitives"),
    "a primitive of too many tensors": (with_node(node("z", "relu", "a", "b")), "primitives"),
    "a primitive of too few tensors": (with_node(node("z", "relu")), "primitives"),
}  # fmt: skip


@pytest.mark.parametrize(("graph", "rule"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_rule_is_found(graph, rule):
    with pytest.raises(IRError) as caught:
        verify(graph, primitives())
    assert {v.rule for v in caught.value.violations} == {rule}


def test_all_violations_are_listed_with_their_values():
    graph = replace(with_node(node("z", "unheard_of", "nowhere")), outputs={"logits": "gone"})
    with pytest.raises(IRError) as caught:
        verify(graph, primitives())
    assert caught.value.violations == (
        Violation("order", "z", "its input nowhere does not exist"),
        Violation("outputs", "logits", "it is read from gone, which does not exist"),
        Violation("primitives", "z", "unheard_of is not a primitive"),
    )
    assert "order: z: its input nowhere does not exist" in str(caught.value)
