"""The closed form of a space: for each node, its inputs, settings and liveness in every network.

These are functions of decisions, represented by decision diagrams. They describe simplified networks: sums
omit zeros, and nodes that only zeros or sizes depend on are removed (`archdsl.passes.transforms.simplify`).

A function of too many decisions is cut: an auxiliary variable is defined by the function, and other functions
test that variable instead. So each function has a small table, and a space a few hundred of these. A space
for which this is impossible is called entangled.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from archdsl import ops
from archdsl.ir import Apply, Dim, Expr, Graph, Mux, Node, Pick, Value
from archdsl.ir.expr import decisions_in
from archdsl.ir.resolve import lenient
from archdsl.ops.base import Primitive
from archdsl.passes.analyses.decision_diagrams import Diagrams, TooLarge
from archdsl.passes.analyses.shapes import FixedShape
from archdsl.passes.analyses.sized_by import SizedBy, sized_by, zeros_of_input

CUT_ABOVE = 1 << 12
"""The number of cells of a function's table above which the function is replaced by an auxiliary variable."""
MOST_CELLS = 1 << 16
"""The maximum number of cells of a table."""
MOST_VALUES = 256
"""The maximum number of values of an auxiliary variable."""
MOST_DIAGRAM_NODES = 500_000
MOST_DIAGRAM_STEPS = 1_500_000
"""The maximum number of steps on diagrams, some seconds; published spaces take at most two thirds of it."""
MOST_CONTEXTS = 1 << 17
"""The maximum number of applications of primitives to different sizes; each evaluates a shape rule."""
INPUTS_PER_CONTEXT = 4
"""An application to n inputs counts as 1 + n // INPUTS_PER_CONTEXT applications."""
_SLOTS = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Limits: table cells above which functions are cut, maximum table cells, maximum diagram nodes, and the
    maximum number of steps until the closed form is found; prices may take the rest of all steps.
    """

    cut_above: float = CUT_ABOVE
    most_cells: float = MOST_CELLS
    diagram_nodes: int = MOST_DIAGRAM_NODES
    diagram_steps: int = MOST_DIAGRAM_STEPS


UNCUT = Limits(math.inf, math.inf, 500_000, 500_000)
"""Limits under which no function is cut, for callers that need diagrams but no tables."""


Port = int | str


class Applied(NamedTuple):
    """An application of a primitive in some network: everything that its price may depend on.

    `ports` are the positions of the inputs that it reads, or the name of a network input from which it makes
    zeros instead; `inputs` are the shapes of these.
    """

    op: str
    attrs: tuple[tuple[str, Any], ...]
    ports: tuple[Port, ...]
    inputs: tuple[FixedShape, ...]
    shape: FixedShape


class Auxiliary(NamedTuple):
    """A variable defined by a function: its outcome is n where the value of the function is `values[n]`."""

    name: str
    level: int
    definition: int
    values: tuple[Any, ...]


class Entangled(Exception):
    """Raised if the space has no closed form within the limits.

    The message gives the reason, `node` is the node at which a limit was exceeded, if any.
    """

    def __init__(self, text: str, node: str | None = None):
        super().__init__(text)
        self.node = node


class _State(NamedTuple):
    """A tensor in some network: its shape, whether it is zero, and the input that determines its size, if
    known.
    """

    shape: FixedShape
    zero: bool
    size: SizedBy | None = None


class Context(NamedTuple):
    """A node in some network: its output, the inputs it reads, and its application (None if it is an
    identity).
    """

    state: _State
    ports: tuple[int, ...]
    applied: Applied | None


@dataclass(frozen=True)
class ClosedForm:
    """The closed form of a space; all functions are roots in `diagrams`.

    `live` maps each node and mux to the networks in which some output depends on it. `contexts` maps nodes to
    their `Context` (None where undefined), `applied` to their `Applied` (None where undefined or an
    identity), and `selectors` maps muxes to the value that selects their input. `variables` maps levels to
    the paths of decisions; the other variables are the `auxiliaries`, each after those that it depends on.
    `cutter` adds further auxiliary variables, within `limits`.
    """

    graph: Graph
    diagrams: Diagrams
    variables: Mapping[int, str]
    live: Mapping[str, int]
    contexts: Mapping[str, int]
    applied: Mapping[str, int]
    selectors: Mapping[str, int]
    cutter: Cutter
    limits: Limits

    @property
    def auxiliaries(self) -> Sequence[Auxiliary]:
        return self.cutter.auxiliaries


def closed_form(graph: Graph, limits: Limits = Limits()) -> ClosedForm:
    """Computes the closed form of a space or network. Raises Entangled."""
    try:
        return _Analysis(graph, limits).run()
    except TooLarge as error:
        raise Entangled(f"its closed form exceeds {error}") from error


class Cutter:
    """Creates auxiliary variables, each at a level of its own."""

    def __init__(self, diagrams: Diagrams, taken: Iterable[int]):
        self.diagrams = diagrams
        self.auxiliaries: list[Auxiliary] = []
        self._taken = set(taken)
        self._made: dict[int, int] = {}

    def cut(self, root: int, name: str, above: int) -> int:
        """Replaces a function by a new auxiliary variable at a level before `above`; returns the root of the
        variable.
        """
        found = self._made.get(root)
        if found is not None:
            return found
        leaves = self.diagrams.leaves(root)
        if len(leaves) > MOST_VALUES:
            raise Entangled(f"`{name}` has at least {len(leaves):,} different sizes", name)
        level = above - 1
        while level in self._taken:
            level -= 1
        self._taken.add(level)
        values = tuple(self.diagrams.value(leaf) for leaf in leaves)
        self.auxiliaries.append(Auxiliary(name, level, root, values))
        found = self._made[root] = self.diagrams.node(level, tuple(leaves))
        return found


class _Analysis:
    def __init__(self, graph: Graph, limits: Limits):
        self.graph, self.limits = graph, limits
        self.d = Diagrams(limits.diagram_nodes, limits.diagram_steps, roots_per_step=4)
        self.contexts = 0
        self.primitives = ops.primitives()
        self.place = {name: n for n, name in enumerate(graph.nodes)}
        self.levels = _levels(graph, self.place)
        self.cutter = Cutter(self.d, self.levels.values())
        has_zeros = any(isinstance(i, Node) and ops.get(i.op).makes_zero for i in graph.nodes.values())
        self.state = {
            name: self.d.leaf(_State(shape, False, SizedBy(name, 1) if has_zeros else None))
            for name, shape in graph.inputs.items()
        }
        self.context: dict[str, int] = {}
        self.live: dict[str, int] = {}
        self.selectors: dict[str, int] = {}
        self._decisions: dict[str, int] = {}
        self._tests: dict[Any, int] = {}

    def run(self) -> ClosedForm:
        for name, item in self.graph.nodes.items():
            found = self._mux(item) if isinstance(item, Mux) else self._node(item)
            self.state[name] = self._small(found, name, self._above(name) + _SLOTS)
        self._find_live()
        applied = {name: self.d.map(lambda c: c and c.applied, root) for name, root in self.context.items()}
        self.d.most_steps = MOST_DIAGRAM_STEPS
        paths = {level: path for path, level in self.levels.items()}
        return ClosedForm(
            self.graph,
            self.d,
            paths,
            self.live,
            self.context,
            applied,
            self.selectors,
            self.cutter,
            self.limits,
        )

    def _above(self, name: str) -> int:
        """A level less than those of all variables that a node or its ancestors depend on."""
        return (len(self.place) - self.place.get(name, -1)) * _SLOTS

    def _small(self, root: int, name: str, above: int) -> int:
        return self.cutter.cut(root, name, above) if self.d.cells(root) > self.limits.cut_above else root

    # ------------------------------------------------------------ what tensors are

    def _decision(self, path: str) -> int:
        """The index of the outcome of a decision, as a function."""
        root = self._decisions.get(path)
        if root is None:
            size = self.graph.decisions[path].size
            leaves = tuple(self.d.leaf(o) for o in range(size))
            root = self._decisions[path] = self.d.node(self.levels[path], leaves)
        return root

    def _mux(self, mux: Mux) -> int:
        sources = list(mux.inputs)
        self._fit(sources, mux.name)
        selector = self._decision(mux.on) if isinstance(mux.on, str) else self._value(mux.on, mux.name)
        self.selectors[mux.name] = selector
        return choose(self.d, mux, selector, {s: self.state[s] for s in sources})

    def _node(self, node: Node) -> int:
        primitive = self.primitives[node.op]
        varying = [key for key, value in node.attrs.items() if isinstance(value, Expr)]
        fixed = {key: value for key, value in node.attrs.items() if key not in varying}
        self._fit(node.inputs, node.name)
        settings = [self._value(node.attrs[key], node.name) for key in varying]
        count = len(node.inputs)

        def context(*values: Any) -> Context | None:
            if any(v is None for v in values[count:]):
                return None
            self.contexts += 1 + count // INPUTS_PER_CONTEXT
            if self.contexts > MOST_CONTEXTS:
                raise TooLarge(f"{MOST_CONTEXTS:,} applications of primitives")
            attrs = {**fixed, **dict(zip(varying, values[count:], strict=True))}
            if varying:
                attrs = {key: attrs[key] for key in node.attrs}
            return _context(primitive, node, values[:count], attrs, self.graph.inputs)

        inputs = [self.state[i] for i in node.inputs]
        root = self.d.map(context, *inputs, *settings)
        self.context[node.name] = root
        return self.d.map(lambda c: c and c.state, root)

    def _fit(self, names: Iterable[str], reader: str) -> None:
        """Cuts the largest of these tensors' functions until a table over all variables is small enough."""
        read = list(dict.fromkeys(names))
        while self._joint([self.state[n] for n in read]) > self.limits.most_cells:
            largest = max(read, key=lambda n: self.d.cells(self.state[n]))
            root = self.state[largest]
            if len(self.d.classes(root)) <= 1:
                raise Entangled(f"the inputs of `{reader}` depend on too many decisions", reader)
            self.state[largest] = self.cutter.cut(root, largest, self._above(largest) + _SLOTS)

    def _joint(self, roots: Iterable[int]) -> int:
        return joint_cells(self.d, roots)

    def _value(self, value: Value, reader: str) -> int:
        """A setting of `reader`, or the selector of a mux, as a function; parts of too many decisions are
        cut.
        """
        if isinstance(value, Pick):
            return self.d.map(lambda o: value.values[o], self._decision(value.decision))
        if isinstance(value, Dim):
            axis = value.axis
            return self.d.map(lambda s: s.shape[axis] if s else 0, self.state[value.node])
        if isinstance(value, Apply):
            root = self.d.map(lenient(value.fn), *(self._value(a, reader) for a in value.args))
            if self.d.cells(root) <= self.limits.cut_above or len(self.d.leaves(root)) > MOST_VALUES:
                return root
            return self.cutter.cut(root, f"a size of {reader}", self._above(reader) + _SLOTS)
        return self.d.leaf(value)

    # ------------------------------------------------------------ what lives

    def _find_live(self) -> None:
        d, found = self.d, dict.fromkeys(self.graph.nodes, self.d.false)
        found.update(dict.fromkeys(self.graph.inputs, d.false))
        for node in self.graph.outputs.values():
            found[node] = d.true
        for name in reversed(list(self.graph.nodes)):
            item = self.graph.nodes[name]
            here = found[name] = self._small(found[name], f"{name} lives", self._above(name))
            if here == d.false:
                continue
            reads = self._mux_reads(item) if isinstance(item, Mux) else self._node_reads(item)
            for source, condition in reads:
                found[source] = self._either(found[source], self._both(here, condition, name), source)
        self.live = found

    def _both(self, here: int, condition: int, name: str) -> int:
        if self._joint((here, condition)) > self.limits.most_cells:
            here = self.cutter.cut(here, f"{name} lives", self._above(name))
        if self._joint((here, condition)) > self.limits.most_cells:
            raise Entangled(f"the inputs of `{name}` depend on too many decisions", name)
        return self.d.both(here, condition)

    def _either(self, a: int, b: int, name: str) -> int:
        if self._joint((a, b)) > self.limits.most_cells:
            above = self._above(name)
            a, b = (
                self.cutter.cut(r, f"{name} lives", above) if len(self.d.classes(r)) > 1 else r
                for r in (a, b)
            )
        return self.d.either(a, b)

    def _mux_reads(self, mux: Mux) -> Iterable[tuple[str, int]]:
        selector = self.selectors[mux.name]
        keys: dict[str, list[Any]] = {}
        for key, source in mux.cases:
            if source is not None:
                keys.setdefault(source, []).append(key)
        for source, chosen in keys.items():
            yield source, self._test((selector, tuple(chosen)), lambda v, c=chosen: v in c, selector)

    def _node_reads(self, node: Node) -> Iterable[tuple[str, int]]:
        root = self.context[node.name]
        for port, source in enumerate(node.inputs):
            yield source, self._test((root, port), lambda c, p=port: c is not None and p in c.ports, root)

    def _test(self, key: Hashable, condition: Callable[..., bool], root: int) -> int:
        found = self._tests.get(key)
        if found is None:
            found = self._tests[key] = self.d.map(condition, root)
        return found


def source_of(node: Node, port: Port) -> str:
    """The tensor of the space that a node reads at a port."""
    return port if isinstance(port, str) else node.inputs[port]


def choose(diagrams: Diagrams, mux: Mux, selector: int, found: Mapping[str, int]) -> int:
    """The function that is `found[source]` where the mux selects `source`, and None where the mux is
    undefined.
    """
    place = {source: n for n, source in enumerate(found)}

    def case_of(value: Any) -> int | None:
        for key, source in mux.cases:
            if key == value:
                return None if source is None else place[source]
        return None

    return diagrams.choose(selector, list(found.values()), case_of)


def joint_cells(diagrams: Diagrams, roots: Iterable[int]) -> int:
    """A lower bound on the number of cells of one table over all variables of these functions."""
    sizes: dict[int, int] = {}
    for root in roots:
        for level, classes in diagrams.classes(root).items():
            sizes[level] = max(sizes.get(level, 1), max(classes) + 1)
    cells = 1
    for size in sizes.values():
        cells *= size
    return cells


def _levels(graph: Graph, place: Mapping[str, int]) -> dict[str, int]:
    """The level of each decision; the variables of downstream decisions are tested first.

    Whether a node is live depends on downstream decisions, and its cost on upstream decisions; in this order,
    a function of both does not repeat the former for each value of the latter.
    """
    levels: dict[str, int] = {}
    for name, item in graph.nodes.items():
        if isinstance(item, Mux):
            named = {item.on} if isinstance(item.on, str) else decisions_in(item.on)
        else:
            named = {path for value in item.attrs.values() for path in decisions_in(value)}
        for path in sorted(named - levels.keys()):
            levels[path] = (len(place) - place[name]) * _SLOTS + _SLOTS // 2 + len(levels)
    return levels


def _context(
    primitive: Primitive,
    node: Node,
    states: Sequence[_State | None],
    attrs: Mapping[str, Any],
    graph_inputs: Mapping[str, FixedShape],
) -> Context | None:
    """A node in some network with these inputs, simplified as `archdsl.passes.transforms.simplify` does.

    None if the node is undefined, or if these decisions do not give a well-typed network.
    """
    wanted = [p for p, state in enumerate(states) if state is not None or p not in node.optional]
    if not wanted or any(states[p] is None for p in wanted):
        return None
    read = [(p, state) for p in wanted if (state := states[p]) is not None]
    try:
        shape: FixedShape = primitive.shape([s.shape for _, s in read], attrs, _ignore)
    except (ArithmeticError, TypeError, ValueError):
        return None  # a combination of decisions that is not well-typed
    if primitive.zero_is_neutral:
        kept = primitive.contributing([s.zero for _, s in read], [s.shape for _, s in read], shape)
        read = [read[port] for port in kept]
    inputs = tuple(s.shape for _, s in read)
    values = [s.zero for _, s in read[: primitive.tensors(len(read))]]
    zero = primitive.makes_zero or (all(values) and primitive.keeps_zero(attrs))
    if primitive.is_identity(inputs, shape, attrs):
        return Context(read[0][1], (read[0][0],), None)
    size = sized_by(primitive, [s.size for _, s in read], inputs, shape, attrs)
    ports = tuple(p for p, _ in read)
    applied_to: tuple[Port, ...] = ports
    of_input = zeros_of_input(primitive, size, shape, attrs)
    if size is not None and of_input is not None:
        attrs, ports = of_input, ()
        applied_to, inputs = (size.input,), (graph_inputs[size.input],)
    settings = tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in attrs.items())
    return Context(_State(shape, zero, size), ports, Applied(node.op, settings, applied_to, inputs, shape))


def _ignore(condition: Any, code: str, message: str, /, **values: Any) -> None:
    """Does nothing: constraints are proved by `archdsl.spec.prove`."""
