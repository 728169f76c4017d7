"""Evaluates `tie`: layers of several assignments share their weights."""

from __future__ import annotations

from itertools import chain, islice
from typing import Any

from archdsl import ops
from archdsl.diagnostics import Label
from archdsl.ir import Expr, Mux, Node
from archdsl.ir.text.writer import value_text
from archdsl.lang import ast
from archdsl.spec.evaluate.assigning import name_of, subscripts_of, target_of
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.values import Family, Undefined


def tie(ev: Evaluator, statement: ast.Tie, frame: Frame, counts: dict[str, int]) -> None:
    """Evaluates `tie`: the nodes of several assignments share their weights."""
    tied: list[tuple[ast.Expr, list[str]]] = []
    for member in statement.members:
        found = subscripts_of(ev, member, frame)
        key = target_of(member, found)
        if key not in frame.written:
            ev.evaluate(member, frame)  # reports no further errors on poisoned names
            raise frame.error("ARCH220", "only names assigned in this body can be tied", member)
        value = frame.names[name_of(member)]
        if isinstance(value.entries[found] if isinstance(value, Family) and found else value, Undefined):
            continue  # as in a network without it
        start, end = frame.written[key]
        nodes = ev.builder.nodes
        ev.spend((len(nodes) - start) // 50, member, frame)
        names = list(islice(reversed(nodes), len(nodes) - end, len(nodes) - start))[::-1]
        tied.append((member, [n for n in names if _has_weights(nodes[n])]))
    for member, run in tied[1:]:
        if (why := _difference(ev, tied[0][1], run)) is not None:
            raise frame.error(
                "ARCH220", f"layers that differ cannot share weights: {why}", member,
                help="tie assignments of the same ops with equal settings and channels",
                secondary=(Label(frame.location(statement.members[0]), "tied to this"),),
            )  # fmt: skip
        for first, other in zip(tied[0][1], run, strict=True):
            ev.builder.tie(first, other)


def _has_weights(item: Node | Mux) -> bool:
    return isinstance(item, Node) and ops.get(item.op).has_weights


def _difference(ev: Evaluator, first: list[str], other: list[str]) -> str | None:
    """The reason why nodes cannot share weights: number, op, settings or sizes differ. None if they can."""
    if len(first) != len(other):
        return f"{len(first)} and {len(other)} layers with weights"
    for one, two in zip(first, other, strict=True):
        (op, attrs, layer), (op2, attrs2, layer2) = _tied(ev, one), _tied(ev, two)
        if op != op2:
            return f"`{op}` and `{op2}`"
        for key in attrs | attrs2:
            if attrs.get(key) != attrs2.get(key):
                return f"`{key}` of `{op}` {_both(attrs.get(key), attrs2.get(key))}"
        if layer != layer2:
            channels = [ev.builder.shapes[ev.builder.nodes[name].inputs[0]][0] for name in (one, two)]
            return f"the number of input channels of `{op}` {_both(*channels)}"
    return None


def _both(one: object, other: object) -> str:
    plain = all(isinstance(value, int | float | str | tuple) for value in (one, other))
    return f"is {value_text(one)} and {value_text(other)}" if plain else "differs"


def _tied(ev: Evaluator, name: str) -> tuple[str, dict[str, Any], object]:
    """The properties that nodes must share to share weights: op, settings, and the sizes of the weights.

    If these sizes depend on decisions, the number of input channels is returned instead.
    """
    node = ev.builder.nodes[name]
    assert not isinstance(node, Mux)
    xs, y = [ev.builder.shapes[source] for source in node.inputs], ev.builder.shapes[name]
    values = chain(*xs, y, node.attrs.values())
    lifted = any(isinstance(value, Expr) for value in values)
    return node.op, dict(node.attrs), xs[0][0] if lifted else ops.get(node.op).layer(xs, y, node.attrs)
