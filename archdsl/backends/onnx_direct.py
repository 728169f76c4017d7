"""A network as an ONNX model of fixed sizes, written straight from the graph: milliseconds, no torch.

This is what is timed.  The file for deployment is `onnx_file`, made by PyTorch's exporter in seconds, with
open sizes and compared with PyTorch; the nodes of both are the same but for the arithmetic on sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from archdsl import ops
from archdsl.ir.graph import Graph, Node
from archdsl.ops.base import Attrs
from archdsl.ops.geometry import padding
from archdsl.passes.analyses.shapes import FixedShape, infer

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

OPSET = 18
IR_VERSION = 9  # of 2023, so that runtimes from then on read it

Array = Any


class Weights(Protocol):
    """Gives the value of a weight: of which node, which (`weight`, `bias`, …), and of which shape."""

    def __call__(self, node: Node, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]: ...


def random_weights(seed: int = 0) -> Weights:
    """Weights that keep activations at about one, as latency must not depend on denormal numbers."""
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
        made = ops.get(node.op).layer([shapes[i] for i in node.inputs], shapes[name], node.attrs)
        if made is not None and node.weights not in layer_of:
            layer_of[node.weights] = next(layers)

    def take(node: Node, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        tensor = getattr(layer_of[node.weights], name)
        return np.asarray(tensor.detach().cpu().numpy(), np.float32).reshape(shape)

    return take


def model(graph: Graph, weights: Weights | None = None, *, batch: int = 1) -> onnx.ModelProto:
    """The model of a network's outputs at its declared sizes; inputs whose values nothing reads are left out.

    Raises SpecError where the network is not well-typed.
    """
    from onnx import TensorProto, helper

    shapes = infer(graph)
    writer = _Writer(weights or random_weights(), batch)
    for name in graph.nodes:
        node = graph.nodes[name]
        assert isinstance(node, Node)
        writer.write(node, [shapes[i] for i in node.inputs], shapes[name])

    def value(name: str, shape: FixedShape) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *shape])

    ends = [
        helper.make_node("Identity", [writer.names.get(name, name)], [out])
        for out, name in graph.outputs.items()
    ]
    nodes = _without_ends(writer.nodes, ends, set(graph.inputs))
    read = {i for node in nodes for i in node.input}
    made = helper.make_graph(
        nodes,
        graph.name,
        [value(i, s) for i, s in graph.inputs.items() if i in read],
        [value(out, shapes[name]) for out, name in graph.outputs.items()],
        writer.constants,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _without_ends(nodes: Sequence[Any], ends: Sequence[Any], inputs: set[str]) -> list[Any]:
    """The nodes, where outputs are renamed rather than copied, if each is made once and by a node."""
    made = {output for node in nodes for output in node.output}
    sources = [end.input[0] for end in ends]
    if len(set(sources)) < len(sources) or not made.issuperset(sources):
        return [*nodes, *ends]
    renamed = {end.input[0]: end.output[0] for end in ends}
    for node in nodes:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]
    return list(nodes)


class _Writer:
    """Collects nodes and constants; `names` says what a node that computes nothing is the same as."""

    def __init__(self, weights: Weights, batch: int):
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.names: dict[str, str] = {}
        self.batch = batch
        self._weights = weights
        self._known: dict[tuple[str, str], str] = {}

    def write(self, node: Node, xs: Sequence[FixedShape], y: FixedShape) -> None:
        inputs = [self.names.get(i, i) for i in node.inputs[: ops.get(node.op).tensors(len(node.inputs))]]
        if ops.get(node.op).is_identity(xs, y, node.attrs):
            self.names[node.name] = inputs[0]
            return
        LOWERINGS[node.op](self, node, inputs, xs, y)

    def add(self, op: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(op, list(inputs), [output], name=output, **attributes))

    def constant(self, name: str, value: Array) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, node: Node, name: str, shape: tuple[int, ...]) -> str:
        """The name of a weight; nodes that share weights share it."""
        key = (node.weights, name)
        if key not in self._known:
            self._known[key] = self.constant(f"{node.weights}.{name}", self._weights(node, name, shape))
        return self._known[key]


Lowering = Callable[[_Writer, Node, Sequence[str], Sequence[FixedShape], FixedShape], None]


def _conv(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
    a: Attrs = node.attrs
    groups = a.get("g", y[0])  # a depthwise convolution has no such setting
    pad = padding(a["k"], a["d"])
    inputs = [names[0], w.weight(node, "weight", (y[0], xs[0][0] // groups, a["k"], a["k"]))]
    if a["bias"]:
        inputs.append(w.weight(node, "bias", (y[0],)))
    w.add(
        "Conv", inputs, node.name, kernel_shape=[a["k"]] * 2, strides=[a["s"]] * 2, dilations=[a["d"]] * 2,
        pads=[pad] * 4, group=groups,
    )  # fmt: skip


def _bn(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
    a: Attrs = node.attrs
    c = (y[0],)
    if a["affine"]:
        scale, shift = w.weight(node, "weight", c), w.weight(node, "bias", c)
    else:
        scale = w.constant(f"{node.name}.ones", np.ones(c, np.float32))
        shift = w.constant(f"{node.name}.zeros", np.zeros(c, np.float32))
    inputs = [names[0], scale, shift, w.weight(node, "running_mean", c), w.weight(node, "running_var", c)]
    w.add("BatchNormalization", inputs, node.name, epsilon=float(a["eps"]))


def _same(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
    w.names[node.name] = names[0]


def _simple(op: str) -> Lowering:
    def lower(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
        w.add(op, names, node.name)

    return lower


def _relu6(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
    bounds = [w.constant(f"{node.name}.{n}", np.float32(n)) for n in (0, 6)]
    w.add("Clip", [names[0], *bounds], node.name)


def _silu(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
    w.add("Sigmoid", names, f"{node.name}.sigmoid")
    w.add("Mul", [names[0], f"{node.name}.sigmoid"], node.name)


def _pool(op: str, **attributes: Any) -> Lowering:
    def lower(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
        k, s = node.attrs["k"], node.attrs["s"]
        pads = [padding(k)] * 4
        w.add(op, names, node.name, kernel_shape=[k] * 2, strides=[s] * 2, pads=pads, **attributes)

    return lower


def _global_pool(
    w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape
) -> None:
    axes = w.constant(f"{node.name}.axes", np.array([2, 3], np.int64))
    w.add("ReduceMean", [names[0], axes], node.name, keepdims=1)


def _resize(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
    sizes = w.constant(f"{node.name}.sizes", np.array([w.batch, *y], np.int64))
    how: dict[str, Any] = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric"}
    how["nearest_mode"] = "floor"
    if node.attrs["mode"] == "bilinear":
        grid = "align_corners" if node.attrs["align_corners"] else "pytorch_half_pixel"
        how = {"mode": "linear", "coordinate_transformation_mode": grid}
    w.add("Resize", [names[0], "", "", sizes], node.name, **how)


def _concat(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
    w.add("Concat", names, node.name, axis=1)


def _add(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
    left = names[0]
    for n, right in enumerate(names[1:], start=1):
        output = node.name if n == len(names) - 1 else f"{node.name}.{n}"
        w.add("Add", [left, right], output)
        left = output


def _zero(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
    w.names[node.name] = w.constant(node.name, np.zeros((w.batch, *y), np.float32))


def _tile(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
    times = w.constant(f"{node.name}.times", np.array([1, y[0] // xs[0][0], 1, 1], np.int64))
    w.add("Tile", [names[0], times], node.name)


def _shift(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
    pads = w.constant(f"{node.name}.pads", np.array([0, 0, -1, -1, 0, 0, 1, 1], np.int64))
    w.add("Pad", [names[0], pads], node.name)


def _channel_shuffle(
    w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape
) -> None:
    c, h, width = y
    g: int = node.attrs["g"]  # type: ignore[assignment]  # fixed in a network
    apart = w.constant(f"{node.name}.apart", np.array([w.batch, g, c // g, h, width], np.int64))
    whole = w.constant(f"{node.name}.whole", np.array([w.batch, c, h, width], np.int64))
    w.add("Reshape", [names[0], apart], f"{node.name}.1")
    w.add("Transpose", [f"{node.name}.1"], f"{node.name}.2", perm=[0, 2, 1, 3, 4])
    w.add("Reshape", [f"{node.name}.2", whole], node.name)


def _pixel_shuffle(
    w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape
) -> None:
    w.add("DepthToSpace", names, node.name, blocksize=node.attrs["r"], mode="CRD")


def _scale(w: _Writer, node: Node, names: Sequence[str], xs: Sequence[FixedShape], y: FixedShape) -> None:
    w.add("Mul", [names[0], w.weight(node, "weight", (y[0], 1, 1))], node.name)


LOWERINGS: Mapping[str, Lowering] = {
    "conv": _conv,
    "dwconv": _conv,
    "bn": _bn,
    "dropout": _same,
    "relu": _simple("Relu"),
    "relu6": _relu6,
    "hswish": _simple("HardSwish"),
    "silu": _silu,
    "sigmoid": _simple("Sigmoid"),
    "max_pool": _pool("MaxPool"),
    "avg_pool": _pool("AveragePool", count_include_pad=0),
    "global_pool": _global_pool,
    "resize": _resize,
    "upsample": _resize,
    "concat": _concat,
    "add": _add,
    "mul": _simple("Mul"),
    "identity": _same,
    "zero": _zero,
    "tile": _tile,
    "shift": _shift,
    "channel_shuffle": _channel_shuffle,
    "pixel_shuffle": _pixel_shuffle,
    "scale": _scale,
}
"""How each primitive is written; a new primitive has a line here, and a test says where it is missing."""
