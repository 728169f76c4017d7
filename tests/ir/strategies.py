"""Random graphs that keep every rule of the IR, with names as awkward as they may be.

What is drawn is a recipe of plain numbers and names; a number picks one of what the graph has by then.
Strategies are thus built once, and a thousand graphs take seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from archdsl.ir import Apply, Decision, Dim, Expr, Graph, Instance, Measure, Mux, Node, Pick, Requirement
from archdsl.ir.expr import FUNCTIONS

ARITY = {"not": 1, "if": 3}
PLAIN = "a b x1 conv stem.bn body[3].n1.1 x[-1] T[2] hyper[1].cells[2].x none true pick mux under in of"
AWKWARD = "3 007 -1 x[1 %y back\\slash ä 日本 \u2028 a-b x. .x !0"
SPACED = ["", " ", "a b", "{a, b}", "widths[1, 8].w", 'q" "q', "new\nline", "# no comment"]
NAMES = [*PLAIN.split(), *AWKWARD.split(" "), *SPACED]
names = st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), st.text(max_size=3))
scalars = st.one_of(
    st.integers(-(10**12), 10**12), st.floats(allow_nan=False), st.booleans(), st.text(max_size=6)
)
constants = st.one_of(scalars, st.tuples(st.integers(0, 99), st.integers(0, 99)))
ordinals = st.integers(0, 11)


@dataclass(frozen=True)
class Context:
    """What a value or a node may refer to."""

    decisions: Sequence[Decision]
    nodes: Sequence[str]
    instances: Sequence[Instance] = ()


def one(options: Sequence[Any], ordinal: int) -> Any:
    return options[ordinal % len(options)]


# ---------------------------------------------------------------- values

_leaves = st.one_of(
    constants,
    st.builds(Measure, names, st.lists(st.tuples(names, scalars), max_size=2).map(tuple)),
    st.tuples(st.just("dim"), ordinals, st.integers(0, 2)),
    st.tuples(st.just("pick"), ordinals, st.lists(st.one_of(st.none(), constants), min_size=1, max_size=4)),
)
_calls = st.tuples(st.sampled_from(sorted(FUNCTIONS)), st.integers(0, 2), scalars, st.booleans())
_value_recipes = st.tuples(_leaves, st.lists(_calls, max_size=3))


def _value(recipe: Any, context: Context) -> Any:
    leaf, calls = recipe
    value = _leaf(leaf, context)
    for fn, place, constant, twice in calls:
        if isinstance(value, Expr):
            args = [value if twice else constant] * ARITY.get(fn, 2)
            args[place % len(args)] = value
            value = Apply(fn, tuple(args))
    return value


def _leaf(leaf: Any, context: Context) -> Any:
    if not isinstance(leaf, tuple) or len(leaf) != 3:
        return leaf
    kind, ordinal, rest = leaf
    if kind == "dim":
        return Dim(one(context.nodes, ordinal), rest)
    if not context.decisions:
        return ordinal
    decision = one(context.decisions, ordinal)
    return Pick(decision.path, tuple(one(rest, o) for o in range(decision.size)))


# ---------------------------------------------------------------- decisions, nodes, muxes

_decision_recipes = st.tuples(
    names,
    st.lists(names, min_size=1, max_size=4, unique=True),
    ordinals,
    st.none() | st.tuples(ordinals, ordinals),
)
_node_recipes = st.tuples(
    names,
    st.lists(st.tuples(ordinals, st.booleans()), max_size=3),
    st.dictionaries(names, _value_recipes, max_size=3),
    st.none() | names,
    st.tuples(ordinals, ordinals),
)
_mux_recipes = st.tuples(
    st.none() | ordinals,
    _value_recipes,
    st.lists(scalars, min_size=1, max_size=3, unique_by=lambda k: (type(k), k)),
    st.lists(st.none() | ordinals, min_size=6, max_size=6),
)
_item_recipes = st.one_of(_node_recipes, _node_recipes, _mux_recipes)
_instances = st.builds(Instance, names, st.sampled_from(["op", "cell"]), names)


def _decisions(recipes: Any) -> list[Decision]:
    made: list[Decision] = []
    for path, candidates, ordinal, under in recipes:
        if under is not None and made:
            parent = one(made, under[0])
            under = (parent.path, under[1] % parent.size)
        else:
            under = None
        made.append(Decision(path, tuple(candidates), 1 + ordinal % len(candidates), under))
    return made


def _item(name: str, recipe: Any, context: Context) -> Node | Mux:
    if len(recipe) == 4:
        return _mux(name, recipe, context)
    op, reads, attrs, weights, (instance, cell) = recipe
    ops = [None, *(i.path for i in context.instances if i.kind == "op")]
    cells = [None, *(i.path for i in context.instances if i.kind == "cell")]
    return Node(
        name,
        op,
        tuple(one(context.nodes, ordinal) for ordinal, _ in reads),
        {k: _value(v, context) for k, v in attrs.items()},
        name if weights is None else f"weights of {name!r}, {weights}",
        frozenset(port for port, (_, optional) in enumerate(reads) if optional),
        one(ops, instance),
        one(cells, cell),
    )


def _mux(name: str, recipe: Any, context: Context) -> Mux:
    ordinal, on, keys, reads = recipe
    sources = [None if r is None else one(context.nodes, r) for r in reads]
    if ordinal is not None and context.decisions:
        decision = one(context.decisions, ordinal)
        return Mux(name, decision.path, tuple((o, one(sources, o)) for o in range(decision.size)))
    value = _value(on, context)
    cases = tuple((k, one(sources, i)) for i, k in enumerate(keys))
    return Mux(name, 0 if isinstance(value, str) else value, cases)


# ---------------------------------------------------------------- graphs


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A graph of up to eight nodes that keeps every rule, but for what its primitives ask."""
    decisions = _decisions(draw(_decision_lists))
    inputs, items, instances = draw(_inputs), draw(_item_tables), draw(_instance_lists)
    nodes: dict[str, Node | Mux] = {}
    for name, recipe in items.items():
        if name not in inputs:
            nodes[name] = _item(name, recipe, Context(decisions, [*inputs, *nodes], instances))
    context = Context(decisions, [*inputs, *nodes])
    name, outputs, requirements, settings, origin, chosen = draw(_rests)
    marked = draw(st.integers(0, len(outputs) - 1))
    paths = {d.path for d in decisions}
    return Graph(
        name,
        inputs,
        nodes,
        {k: one(context.nodes, ordinal) for k, ordinal in outputs.items()},
        {d.path: d for d in decisions},
        {i.path: i for i in instances},
        tuple(Requirement(_value(condition, context), text) for condition, text in requirements),
        settings,
        origin,
        {} if origin is None else {k: v for k, v in chosen.items() if k not in paths},
        frozenset(list(outputs)[len(outputs) - marked :]),
    )


_decision_lists = st.lists(_decision_recipes, max_size=4, unique_by=lambda d: d[0])
_inputs = st.dictionaries(names, st.tuples(*[st.integers(1, 4096)] * 3), min_size=1, max_size=2)
_item_tables = st.dictionaries(names, _item_recipes, min_size=1, max_size=8)
_instance_lists = st.lists(_instances, max_size=3, unique_by=lambda i: i.path)
_rests = st.tuples(
    names,
    st.dictionaries(names, ordinals, min_size=1, max_size=2),
    st.lists(st.tuples(_value_recipes, st.text(max_size=9)), max_size=2),
    st.dictionaries(names, constants, max_size=2),
    st.none() | names,
    st.dictionaries(names, names, max_size=2),
)
