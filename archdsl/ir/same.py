"""Equality of networks up to the names of nodes, ops and cells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from archdsl.ir.graph import Graph, Node
from archdsl.ir.text.writer import value_text


def same_but_for_names(a: Graph, b: Graph, commutative: frozenset[str] = frozenset()) -> bool:
    """Whether two networks are equal up to names: equal primitives, inputs, and sharing of weights."""
    return canonical_text(a, commutative) == canonical_text(b, commutative)


def fingerprint(graph: Graph, commutative: frozenset[str] = frozenset()) -> str:
    """The SHA-256 of `canonical_text`, in hexadecimal."""
    return hashlib.sha256(canonical_text(graph, commutative).encode()).hexdigest()


def canonical_text(graph: Graph, commutative: frozenset[str] = frozenset()) -> str:
    """A text that is equal for networks that are equal up to the names of nodes, ops and cells.

    Inputs and outputs keep their names and order. Inputs of primitives in `commutative` are sorted
    canonically. Dead nodes, settings, requirements and decisions are ignored. Raises ValueError for a graph
    with decisions.
    """
    if not graph.is_fixed:
        raise ValueError(f"{graph.name} has decisions; bind them first")
    return "\n".join(_lines(graph, commutative))


def paired(a: Graph, b: Graph) -> dict[str, str]:
    """Maps the nodes of `a` to those of the equal network `b`. Raises ValueError if they are not equal."""
    if not same_but_for_names(a, b):
        raise ValueError(f"{a.name} and {b.name} differ")
    ordered = [_from_outputs(graph, _inputs(graph, frozenset())) for graph in (a, b)]
    return dict(zip(*ordered, strict=True))


def _lines(graph: Graph, commutative: frozenset[str]) -> Iterator[str]:
    number = {name: f"%{n}" for n, name in enumerate(graph.inputs)}
    for name, size in graph.inputs.items():
        yield f"input {name} {size}"
    inputs = _inputs(graph, commutative)
    weights: dict[str, int] = {}
    for name in _from_outputs(graph, inputs):
        node = graph.nodes[name]
        assert isinstance(node, Node)
        of = weights.setdefault(node.weights, len(weights))
        number[name] = f"%{len(number)}"
        read = ", ".join(number[source] + "?" * optional for source, optional in inputs[name])
        yield f"{number[name]} = {_applied(node)} {read} weights {of}"
    for out, name in graph.outputs.items():
        yield f"output {out} {number[name]}{' train' if out in graph.train_only else ''}"


def _applied(node: Node) -> str:
    settings = ", ".join(f"{key} = {value_text(value)}" for key, value in sorted(node.attrs.items()))
    return f"{node.op}({settings})"


def _inputs(graph: Graph, commutative: frozenset[str]) -> dict[str, list[tuple[str, bool]]]:
    """The inputs of each node, with whether each is optional; in canonical order for commutative ones."""
    alike: dict[str, str] = {name: f"input {name}" for name in graph.inputs}
    found: dict[str, list[tuple[str, bool]]] = {}
    for name, node in graph.nodes.items():
        assert isinstance(node, Node)
        read = [(source, port in node.optional) for port, source in enumerate(node.inputs)]
        if node.op in commutative:
            read.sort(key=lambda one: (alike[one[0]], one[1]))
        found[name] = read
        computed = "\n".join([_applied(node), *(f"{alike[source]} {missing}" for source, missing in read)])
        alike[name] = hashlib.sha256(computed.encode()).hexdigest()
    return found


def _from_outputs(graph: Graph, inputs: Mapping[str, list[tuple[str, bool]]]) -> Iterator[str]:
    """Yields the nodes that outputs depend on, each after its inputs, in an order independent of names."""
    done = set(graph.inputs)
    for output in graph.outputs.values():
        ahead = [output]
        while ahead:
            name = ahead[-1]
            missing = [] if name in done else [s for s, _ in inputs[name] if s not in done]
            if missing:
                ahead.append(missing[0])
                continue
            ahead.pop()
            if name not in done:
                done.add(name)
                yield name
