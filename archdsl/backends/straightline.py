"""Lowers a network to straight-line Python: its layers, and the statements of `forward`.

The compiled module and the emitted source are both generated from this form, so that they have the same
layers under the same names and compute the same. Variables live no longer than in handwritten code: a
statement reuses the variable of an input that it is the last to read, and deletes the other inputs that it is
the last to read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archdsl import ops
from archdsl.backends.naming import NAMES_IN_SCOPE, RESERVED, chain_name, identifier, plain_text, unique
from archdsl.ir.graph import Graph, Node
from archdsl.ops.base import Layer, Primitive
from archdsl.passes.analyses.shapes import FixedShape, infer


@dataclass(frozen=True)
class Function:
    """The body of a generated function: its statements, and the variable that contains each output at the
    end.

    `comments` maps the index of a statement to the name of the op or cell of the spec that begins there.
    """

    statements: tuple[str, ...]
    results: tuple[tuple[str, str], ...]
    comments: Mapping[int, str]


@dataclass(frozen=True)
class Straightline:
    """A network's layers by attribute, the variables of its inputs, and its functions.

    `weights` maps layers to the names of their weights in the graph; `params` is the number of trainable
    parameters. `forward` computes the main output, the first one in the spec; `forward_all` computes all
    outputs, and is None if there is only one.
    """

    name: str
    inputs: tuple[str, ...]
    layers: tuple[tuple[str, Layer], ...]
    weights: Mapping[str, str]
    params: int
    forward: Function
    forward_all: Function | None


def lower(graph: Graph) -> Straightline:
    """Lowers a network to straight-line code.

    Raises SpecError for an ill-typed network, ValueError if nodes that share weights differ.
    """
    steps, layers, weights, params, same = _steps(graph, infer(graph))
    taken = set(NAMES_IN_SCOPE)
    inputs = {name: unique(identifier(name), taken) for name in graph.inputs}
    results = {key: same.get(name, name) for key, name in graph.outputs.items()}
    main = next(iter(results.items()))
    return Straightline(
        name=unique(identifier(graph.name), set(NAMES_IN_SCOPE)),
        inputs=tuple(inputs.values()),
        layers=layers,
        weights=weights,
        params=params,
        forward=_function(steps, inputs, dict([main])),
        forward_all=_function(steps, inputs, results) if len(results) > 1 else None,
    )


class _Step(NamedTuple):
    """A node that becomes a statement.

    `layer` is the attribute of its module, `tensors` are the inputs whose values it reads, `measured` are the
    inputs of which it reads only the size.
    """

    node: Node
    primitive: Primitive
    xs: list[FixedShape]
    y: FixedShape
    layer: str | None
    tensors: tuple[str, ...]
    measured: tuple[str, ...]


def _steps(
    graph: Graph, shapes: Mapping[str, FixedShape]
) -> tuple[list[_Step], tuple[tuple[str, Layer], ...], dict[str, str], int, dict[str, str]]:
    """The steps, layers, weights, number of parameters, and for each identity node its input.

    Nodes that share weights share a layer, named after the first of them.
    """
    steps: list[_Step] = []
    layers: dict[str, Layer] = {}
    shared: dict[str, str] = {}
    same: dict[str, str] = {}
    taken = set(RESERVED)
    params = 0
    primitives = ops.primitives()
    for name, node in graph.nodes.items():
        assert isinstance(node, Node)
        primitive, xs, y = primitives[node.op], [shapes[i] for i in node.inputs], shapes[name]
        inputs = tuple(same.get(i, i) for i in node.inputs)
        if primitive.is_identity(xs, y, node.attrs):
            same[name] = inputs[0]
            continue
        layer, attribute = primitive.layer(xs, y, node.attrs), None
        if layer is not None:
            attribute = shared.get(node.weights)
            if attribute is None:
                attribute = shared[node.weights] = unique(identifier(name), taken)
                layers[attribute] = layer
                params += primitive.cost(xs, y, node.attrs).params
            elif layers[attribute] != layer:
                raise ValueError(f"{name} is tied to {layers[attribute]} and would be {layer}")
        count = primitive.tensors(len(inputs))
        steps.append(_Step(node, primitive, xs, y, attribute, inputs[:count], inputs[count:]))
    weights = {attribute: name for name, attribute in shared.items()}
    return steps, tuple(layers.items()), weights, params, same


def _function(steps: Sequence[_Step], inputs: Mapping[str, str], results: Mapping[str, str]) -> Function:
    """The function, in assignments without branches, that computes `results`, which maps the names of outputs
    to tensors; steps that they do not need are omitted.
    """
    steps = _needed(steps, results.values())
    last_read = _last_reads(steps, inputs, results.values())
    dying = [_dying(step, at, last_read) for at, step in enumerate(steps)]
    variables, taken = _variables(steps, inputs, dying)
    sizes, noted = _noted_sizes(steps, last_read, variables, taken)
    writable = _writable(steps)
    statements: list[str] = []
    comments: dict[int, str] = {}
    place: str | None = None
    for at, step in enumerate(steps):
        node = step.node
        if node.instance != place:
            place = node.instance
            comments[len(statements)] = plain_text(place or node.name)
        statements += noted.get(at, ())
        names = [variables[i] for i in step.tensors]
        for i in step.measured:
            names.append(sizes[i] if last_read[i] < at else f"{variables[i]}.shape[-2:]")
        layer = f"self.{step.layer}" if step.layer else None
        target, value = variables[node.name], None
        if step.tensors[0] in writable and step.tensors[0] in dying[at]:
            value = step.primitive.in_place(names[0], node.attrs)
        if value is None:
            value = step.primitive.expression(names, layer, step.xs, step.y, node.attrs)
        statements.append(f"{target} = {value}")
        if gone := [variables[i] for i in dying[at] if variables[i] != target]:
            statements.append(f"del {', '.join(gone)}")
    named = tuple((key, variables[name]) for key, name in results.items())
    return Function(tuple(statements), named, comments)


def _needed(steps: Sequence[_Step], results: Iterable[str]) -> list[_Step]:
    """The steps on which the results depend."""
    wanted = set(results)
    needed = []
    for step in reversed(steps):
        if step.node.name in wanted:
            wanted.update(step.tensors, step.measured)
            needed.append(step)
    needed.reverse()
    return needed


def _last_reads(steps: Sequence[_Step], inputs: Iterable[str], results: Iterable[str]) -> dict[str, int]:
    """For each value, the index of the last step that reads it; `len(steps)` for the inputs, which the caller
    owns, and for the results.

    A tensor of which only the size is read later is not kept: its size is stored before it is deleted.
    """
    last: dict[str, int] = {}
    for at, step in enumerate(steps):
        for name in step.tensors:
            last[name] = at
    for at, step in enumerate(steps):
        for name in step.measured:
            last.setdefault(name, at)
    last.update(dict.fromkeys((*inputs, *results), len(steps)))
    return last


def _dying(step: _Step, at: int, last_read: Mapping[str, int]) -> list[str]:
    """The values of which a step, with index `at`, is the last reader."""
    read = step.tensors if len(step.tensors) == 1 else dict.fromkeys(step.tensors)
    dying = [i for i in read if last_read[i] == at]
    return dying + [i for i in step.measured if last_read[i] == at and i not in dying]


def _writable(steps: Sequence[_Step]) -> set[str]:
    """The values that their only reader may overwrite, since no later step reads them."""
    reads = Counter(i for step in steps for i in step.tensors)
    return {s.node.name for s in steps if s.primitive.fresh and reads[s.node.name] == 1}


def _variables(
    steps: Sequence[_Step], inputs: Mapping[str, str], dying: Sequence[list[str]]
) -> tuple[dict[str, str], set[str]]:
    """The variable of each value, and all names in use.

    Consecutive steps, each of which is the last reader of the previous result, share one variable.
    """
    ends: dict[str, str] = {}
    for step, gone in zip(reversed(steps), reversed(dying), strict=True):
        end = ends.setdefault(step.node.name, step.node.name)
        if gone:
            ends[gone[0]] = end
    chains: dict[str, list[Node]] = {}
    for step in steps:
        chains.setdefault(ends[step.node.name], []).append(step.node)
    taken = {*NAMES_IN_SCOPE, *inputs.values()}
    variables = dict(inputs)
    for chain in chains.values():
        name = unique(chain_name(chain), taken)
        variables.update((node.name, name) for node in chain)
    return variables, taken


def _noted_sizes(
    steps: Sequence[_Step], last_read: Mapping[str, int], variables: Mapping[str, str], taken: set[str]
) -> tuple[dict[str, str], dict[int, list[str]]]:
    """The variables for sizes that are read after their tensor is deleted, and their assignments."""
    sizes: dict[str, str] = {}
    statements: dict[int, list[str]] = {}
    for at, step in enumerate(steps):
        for name in step.measured:
            if last_read[name] < at and name not in sizes:
                sizes[name] = unique(f"{variables[name]}_size", taken)
                note = f"{sizes[name]} = {variables[name]}.shape[-2:]"
                statements.setdefault(last_read[name], []).append(note)
    return sizes, statements


def methods(code: Straightline, readable: bool = False) -> str:
    """The source text of the methods that compute the outputs, indented as in a class.

    With `readable`, it includes type annotations, and above the statements of each op a comment with its path
    in the spec.
    """
    (_, main), *_ = code.forward.results
    text = _method("forward", code.inputs, code.forward, main, "torch.Tensor", readable)
    if code.forward_all is None:
        return text
    every = ", ".join(f"{name!r}: {variable}" for name, variable in code.forward_all.results)
    returns = "dict[str, torch.Tensor]"
    return (
        text + "\n" + _method("forward_all", code.inputs, code.forward_all, f"{{{every}}}", returns, readable)
    )


def _method(
    name: str, inputs: Sequence[str], function: Function, result: str, returns: str, readable: bool
) -> str:
    lines = [f"def {name}({', '.join(('self', *inputs))}):"]
    if readable:
        lines = [f"def {name}(self, {', '.join(f'{i}: torch.Tensor' for i in inputs)}) -> {returns}:"]
    for at, statement in enumerate(function.statements):
        if readable and at in function.comments:
            lines.append(f"    # {function.comments[at]}")
        lines.append(f"    {statement}")
    lines.append(f"    return {result}")
    return "".join(f"    {line}\n" for line in lines)
