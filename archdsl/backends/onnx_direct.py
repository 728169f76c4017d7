"""Lowers a network directly to an ONNX model with static shapes, in milliseconds and without torch.

The model is used for time measurements. The file for deployment is written by `onnx_file`: it is exported by
PyTorch in seconds, has dynamic axes, and is verified against PyTorch; the nodes of both are equal except for
arithmetic on sizes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from archdsl import ops
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.ir.graph import Graph, Node
from archdsl.passes.analyses.shapes import FixedShape, infer

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

OPSET = 18
IR_VERSION = 9  # of 2023, so that runtimes from then on read it


class Weights(Protocol):
    """A function that returns the value of a weight, given its node, name (`weight`, `bias`, …) and shape."""

    def __call__(self, node: Node, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]: ...


def random_weights(seed: int = 0) -> Weights:
    """Random weights that keep activations near one, so that denormal numbers do not affect latency."""
    generator = np.random.default_rng(seed)

    def draw(node: Node, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        if name == "running_var" or (name == "weight" and len(shape) == 1):
            return generator.uniform(0.8, 1.2, shape).astype(np.float32)
        if len(shape) == 4:
            spread = (2.0 / (shape[1] * shape[2] * shape[3])) ** 0.5
            return np.asarray(generator.standard_normal(shape, np.float32) * spread, np.float32)
        return generator.uniform(-0.1, 0.1, shape).astype(np.float32)

    return draw


def module_weights(module: Any) -> Weights:
    """The weights of a compiled network, for comparing results."""
    graph = module.archdsl_graph
    shapes = infer(graph)
    layers = iter(module._modules.values())  # in the order of the nodes that hold them
    layer_of: dict[str, Any] = {}
    for name, node in graph.nodes.items():
        primitive, xs = ops.get(node.op), [shapes[i] for i in node.inputs]
        if primitive.is_identity(xs, shapes[name], node.attrs):
            continue
        if primitive.layer(xs, shapes[name], node.attrs) is not None and node.weights not in layer_of:
            layer_of[node.weights] = next(layers)

    def take(node: Node, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        tensor = getattr(layer_of[node.weights], name)
        return np.asarray(tensor.detach().cpu().numpy(), np.float32).reshape(shape)

    return take


def model(graph: Graph, weights: Weights | None = None, *, batch: int = 1) -> onnx.ModelProto:
    """The ONNX model of a network at its declared sizes; unused inputs are omitted.

    Raises SpecError for an ill-typed network, or a primitive without ONNX lowering (ARCH862).
    """
    from onnx import TensorProto, helper

    if lacking := unwritten(graph):
        raise SpecError([_no_lowering(lacking)])

    shapes = infer(graph)
    writer = _Writer(weights or random_weights(), batch)
    for name in graph.nodes:
        node = graph.nodes[name]
        assert isinstance(node, Node)
        writer.write(node, [shapes[i] for i in node.inputs], shapes[name])

    def value(name: str, shape: FixedShape) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *shape])

    nodes = _ended(writer, {out: writer.names.get(name, name) for out, name in graph.outputs.items()})
    read = {i for node in nodes for i in node.input}
    made = helper.make_graph(
        nodes,
        graph.name,
        [value(i, s) for i, s in graph.inputs.items() if i in read],
        [value(out, shapes[name]) for out, name in graph.outputs.items()],
        writer.constants,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def unwritten(graph: Graph) -> list[str]:
    """The primitives of a network that have no ONNX lowering (`Primitive.onnx`)."""
    used = dict.fromkeys(node.op for node in graph.nodes.values() if isinstance(node, Node))
    return [op for op in used if not ops.get(op).has_onnx]


def _no_lowering(lacking: Sequence[str]) -> Diagnostic:
    names = ", ".join(f"`{op}`" for op in lacking)
    help = "implement the method `onnx` of the primitive's class: docs/howto/primitive.md"
    return Diagnostic("ARCH862", f"no ONNX lowering of {names}", help=help)


def _ended(writer: _Writer, outputs: Mapping[str, str]) -> list[Any]:
    """Renames tensors so that the model's outputs have the names in `outputs`; returns the nodes of the
    model.

    A tensor that is an output gets the name of the output. Where one tensor is several outputs, or an output
    is an input or a constant, Identity nodes copy it. Other tensors that have the name of an output are
    renamed.
    """
    from onnx import helper

    made = {name for node in writer.nodes for name in node.output}
    names = {*made, *(constant.name for constant in writer.constants)}
    renamed: dict[str, str] = {}
    for out, source in outputs.items():
        if source in made and source not in renamed:
            renamed[source] = out
    for name in names.intersection(outputs) - renamed.keys():
        other = f"{name}_"
        while other in names or other in outputs:
            other += "_"
        renamed[name] = other
    for node in writer.nodes:
        for tensors in (node.input, node.output):
            tensors[:] = [renamed.get(name, name) for name in tensors]
    for constant in writer.constants:
        constant.name = renamed.get(constant.name, constant.name)
    copies = [(renamed.get(source, source), out) for out, source in outputs.items()]
    return writer.nodes + [helper.make_node("Identity", [x], [out]) for x, out in copies if x != out]


class _Writer:
    """Collects nodes and constants; `names` maps tensors of the network to the names in the model."""

    def __init__(self, weights: Weights, batch: int):
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.names: dict[str, str] = {}
        self.batch = batch
        self._weights = weights
        self._known: dict[tuple[str, str], str] = {}

    def write(self, node: Node, xs: Sequence[FixedShape], y: FixedShape) -> None:
        primitive = ops.get(node.op)
        inputs = [self.names.get(i, i) for i in node.inputs[: primitive.tensors(len(node.inputs))]]
        if primitive.is_identity(xs, y, node.attrs):
            self.names[node.name] = inputs[0]
        else:
            self.names[node.name] = primitive.onnx(_Application(self, node), inputs, xs, y, node.attrs)

    def constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, node: Node, name: str, shape: tuple[int, ...]) -> str:
        """The name of a weight in the model; nodes that share weights get the same name."""
        key = (node.weights, name)
        if key not in self._known:
            self._known[key] = self.constant(f"{node.weights}.{name}", self._weights(node, name, shape))
        return self._known[key]


@dataclass(frozen=True)
class _Application:
    """The `archdsl.ops.base.OnnxWriter` for one node of the network."""

    model: _Writer
    of: Node

    @property
    def batch(self) -> int:
        return self.model.batch

    def node(self, operator: str, inputs: Sequence[str], label: str = "", **attributes: Any) -> str:
        return self.nodes(operator, inputs, (label,), **attributes)[0]

    def nodes(
        self, operator: str, inputs: Sequence[str], labels: Sequence[str], **attributes: Any
    ) -> list[str]:
        from onnx import helper

        outputs = [self._named(label) for label in labels]
        made = helper.make_node(operator, list(inputs), outputs, name=outputs[0], **attributes)
        self.model.nodes.append(made)
        return outputs

    def weight(self, name: str, shape: Sequence[int]) -> str:
        return self.model.weight(self.of, name, tuple(shape))

    def ints(self, label: str, values: Sequence[int]) -> str:
        return self.model.constant(self._named(label), np.array(values, np.int64))

    def filled(self, label: str, value: float, shape: Sequence[int]) -> str:
        return self.model.constant(self._named(label), np.full(shape, value, np.float32))

    def _named(self, label: str) -> str:
        return f"{self.of.name}.{label}" if label else self.of.name
