"""Networks built by hand, for tests of what works on graphs: no language involved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from archdsl import ops
from archdsl.ir.graph import Graph, Instance, Node


@dataclass
class Network:
    """Collects nodes: `net.conv(x, c=8, name="stem.conv")` adds one and returns its name."""

    image: tuple[int, int, int] = (3, 32, 64)
    name: str = "Net"
    nodes: dict[str, Node] = field(default_factory=dict)
    shapes: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.input("image", self.image)

    def input(self, name: str, shape: tuple[int, int, int]) -> str:
        self.inputs[name] = self.shapes[name] = shape
        return name

    def __getattr__(self, op: str) -> Any:
        if op.startswith("_"):
            raise AttributeError(op)
        return lambda *inputs, **settings: self.add_node(op, *inputs, **settings)

    def add_node(
        self,
        op: str,
        *inputs: str,
        name: str | None = None,
        weights: str | None = None,
        instance: str | None = None,
        **settings: Any,
    ) -> str:
        name = name or f"{op}{len(self.nodes)}"
        xs = [self.shapes[i] for i in inputs]
        attrs = {}
        for setting in ops.get(op).settings:
            default = setting.default(xs) if callable(setting.default) else setting.default
            value = settings.pop(setting.name, default)
            if value is not None:
                attrs[setting.name] = value
        assert not settings, f"{op} has no {settings}"
        self.nodes[name] = Node(name, op, inputs, attrs, weights or name, instance=instance)
        self.shapes[name] = ops.get(op).shape(xs, attrs, lambda *a, **k: None)
        return name

    def conv_bn_relu(self, x: str, name: str, **settings: Any) -> str:
        x = self.conv(x, name=f"{name}.conv", **settings)
        x = self.bn(x, name=f"{name}.bn")
        return self.relu(x, name=f"{name}.relu")

    def graph(self, **outputs: str) -> Graph:
        """The network of some outputs, the last node where none is given; nodes that they do not need go."""
        outputs = outputs or {"y": next(reversed(self.nodes))}
        needed = set(outputs.values())
        for node in reversed(self.nodes.values()):
            if node.name in needed:
                needed.update(node.inputs)
        nodes = {name: node for name, node in self.nodes.items() if name in needed}
        return Graph(self.name, self.inputs, nodes, outputs, instances=self.instances)


def mobilenet(image: tuple[int, int, int] = (3, 64, 96), classes: int = 11) -> Graph:
    """Inverted residuals, one with a sum, and a head up-sampled to the image."""
    net = Network(image, "MobileNet")
    x = net.conv("image", c=8, s=2, name="stem.conv")
    x = net.relu6(net.bn(x, name="stem.bn"), name="stem.relu6")
    for i, (c, s) in enumerate([(8, 1), (12, 2), (12, 1), (16, 2)]):
        block = f"block[{i}]"
        y = net.conv(x, c=net.shapes[x][0] * 6, k=1, name=f"{block}.expand.conv")
        y = net.relu6(net.bn(y, name=f"{block}.expand.bn"), name=f"{block}.expand.relu6")
        y = net.dwconv(y, s=s, name=f"{block}.dwconv")
        y = net.relu6(net.bn(y, name=f"{block}.bn"), name=f"{block}.relu6")
        y = net.bn(net.conv(y, c=c, k=1, name=f"{block}.project.conv"), name=f"{block}.project.bn")
        x = net.add(x, y, name=f"{block}.add") if net.shapes[x] == net.shapes[y] else y
    x = net.conv(x, c=classes, k=1, bias=True, name="logits.conv")
    return net.graph(logits=net.upsample(x, "image", name="logits.upsample"))


def fusion(image: tuple[int, int, int] = (3, 64, 96)) -> Graph:
    """Zoomed convolution, global pooling, learned scales, concatenation across resolutions, two outputs."""
    net = Network(image, "Fusion")
    x = net.conv_bn_relu("image", "stem", c=8, s=2)
    z = net.resize(x, down=2, align_corners=True, name="zoomed.down")
    z = net.bn(net.conv(z, c=8, name="zoomed.conv"), name="zoomed.bn")
    z = net.relu(net.resize(z, x, align_corners=True, name="zoomed.up"), name="zoomed.relu")
    low = net.max_pool(net.conv_bn_relu(z, "low", c=8, k=1), s=2, name="low.pool")
    gap = net.global_pool(low, name="gap.pool")
    gap = net.resize(net.conv_bn_relu(gap, "gap", c=8, k=1), low, name="gap.up")
    low = net.add(net.scale(low, name="sum.left"), net.scale(gap, name="sum.right"), name="sum.add")
    tiled = net.tile(net.avg_pool(low, k=3, name="tiled.pool"), c=16, name="tiled")
    up = net.resize(tiled, z, mode="nearest", name="up")
    joined = net.concat(z, up, net.hswish(x, name="act"), name="joined")
    gate = net.sigmoid(
        net.conv(net.global_pool(joined, name="gate.pool"), c=32, k=1, name="gate.conv"), name="gate"
    )
    joined = net.mul(joined, gate, name="gated")
    main = net.conv(net.dropout(joined, p=0.1, name="dropout"), c=5, bias=True, name="head.conv")
    aux = net.conv(low, c=5, k=1, bias=True, name="aux.conv")
    return net.graph(
        logits=net.upsample(main, "image", name="logits"),
        auxiliary=net.upsample(aux, "image", name="auxiliary"),
    )


def tied(image: tuple[int, int, int] = (3, 16, 24)) -> Graph:
    """One convolution and normalisation, used on two tensors."""
    net = Network(image, "Tied")
    a, b = net.conv("image", c=4, name="a"), net.conv("image", c=4, name="b")
    ya = net.bn(net.conv(a, name="left.conv", weights="shared.conv"), name="left.bn", weights="shared.bn")
    yb = net.bn(net.conv(b, name="right.conv", weights="shared.conv"), name="right.bn", weights="shared.bn")
    return net.graph(y=net.add(ya, yb, name="y"))


def modern(image: tuple[int, int, int] = (3, 15, 22)) -> Graph:
    """Learned slopes, smooth activations, normalization of single images, attention."""
    net = Network(image, "Modern")
    x = net.prelu(net.conv("image", c=8, name="conv"), name="slopes")
    x = net.leaky_relu(net.prelu(x, shared=True, name="slope"), slope=0.2, name="leaky")
    x = net.gelu(net.gelu(net.elu(x, alpha=1.5, name="elu"), name="gelu"), approximate=True, name="close")
    gate = net.softmax(net.conv(net.tanh(x, name="tanh"), c=8, k=1, name="gate"), name="softmax")
    x = net.layer_norm(net.mul(net.softplus(x, name="softplus"), gate, name="gated"), name="layer")
    x = net.group_norm(net.linear(x, c=12, name="linear"), g=4, name="groups")
    x = net.group_norm(net.drop_path(x, name="path"), g=3, affine=False, eps=1e-3, name="plain")
    x = net.instance_norm(net.instance_norm(x, name="each"), affine=True, name="instance")
    x = net.attention(net.layer_norm(x, affine=False, name="layer2"), heads=3, reduction=2, name="reduced")
    x = net.attention(net.dropout2d(x, name="dropout2d"), heads=2, bias=False, name="attention")
    few = net.conv(x, c=12, s=4, name="few")
    x = net.dot_attention(x, few, net.linear(few, c=10, bias=False, name="values"), heads=2, name="dot")
    total = net.add(net.channel_sum(x, name="sum"), net.channel_mean(x, name="mean"), name="total")
    parts = net.slice(x, first=3, last=6, name="middle"), net.slice(x, first=7, name="end"), total
    return net.graph(y=net.concat(*parts, name="y"))


def everything(image: tuple[int, int, int] = (3, 16, 24)) -> Graph:
    """Every primitive once."""
    net = Network(image, "Everything")
    x = net.silu(net.conv("image", c=16, name="conv"), name="silu")
    x = net.channel_shuffle(net.conv(x, g=4, k=5, name="grouped"), g=4, name="shuffle")
    x = net.relu(net.bn(net.dwconv(x, d=2, bias=True, name="dwconv"), affine=False, name="bn"), name="relu")
    y = net.conv(net.shift(x, name="shift"), c=8, k=1, s=2, name="second")
    x = net.concat(net.conv(x, c=8, k=1, s=2, name="first"), y, name="reduced")
    x = net.add(
        x, net.zero(net.identity(x, name="same"), c=16, name="zero"), net.hswish(x, name="hswish"), name="sum"
    )
    x = net.add(x, net.zero("image", c=16, s=2, name="zero2"), name="sum2")
    x = net.pixel_shuffle(net.dropout(x, p=0.5, name="dropout"), r=2, name="pixels")
    x = net.resize(net.relu6(x, name="relu6"), scale=0.5, name="half")
    x = net.tile(net.scale(net.max_pool(x, s=2, name="max"), name="scale"), c=8, name="tile")
    x = net.mul(x, net.sigmoid(net.global_pool(x, name="global"), name="sigmoid"), name="gate")
    x = net.resize(net.avg_pool(x, k=5, name="avg"), size=(10, 12), mode="nearest", name="fixed")
    x = net.affine(
        net.sub(x, net.global_pool(x, name="mean"), name="centred"), factor=0.5, offset=1, name="affine"
    )
    return net.graph(y=net.upsample(x, "image", align_corners=True, name="y"))
