"""Random applications of any primitive, generated from what it declares, and all that must hold of them."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl import ops
from archdsl.backends import onnx_direct
from archdsl.backends.torch_module import build
from archdsl.diagnostics import Source
from archdsl.ir import Graph
from archdsl.ir.expr import apply
from archdsl.ir.text import dump, parse
from archdsl.lang import format_source
from archdsl.ops.base import ADVISORY, Primitive, Setting
from archdsl.ops.geometry import windows
from archdsl.passes.analyses.shapes import infer
from archdsl.passes.costs.cost import costs, total
from archdsl.spec.decompile import setting_source, written_out

Size = tuple[int, int, int]
CHANNELS = (1, 2, 3, 4, 6, 8, 9, 12)
LARGEST, TRIES = 11, 400
FLOATS = (0.0, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True)
class Case:
    """A primitive with settings, and the sizes of its tensors; tensors of settings are the last ones."""

    op: str
    xs: tuple[Size, ...]
    settings: dict[str, Any]

    @property
    def text(self) -> str:
        """A network that applies it to its inputs."""
        primitive, names = ops.get(self.op), [f"x{n}" for n in range(len(self.xs))]
        count = primitive.tensors(len(self.xs))
        given = [f"{name} = {setting_source(value)}" for name, value in self.settings.items()]
        given += [f"{s} = {n}" for s, n in zip(primitive.tensor_settings, names[count:], strict=False)]
        lines = [f"  input {name}: {list(x)}" for name, x in zip(names, self.xs, strict=True)]
        lines.append(f"  output y = {self.op}({', '.join([*names[:count], *given])})")
        return "\n".join(["arch 1", "", "network Net {", *lines, "}", ""])


def drawn(op: str, rng: random.Random) -> tuple[Case, int]:
    """A well-typed case, and how many were refused before it."""
    primitive = ops.get(op)
    for refused in range(TRIES):
        xs = _sizes(primitive, rng)
        settings = {s.name: _value(s, xs, rng) for s in primitive.settings if not _omitted(s, rng)}
        case = Case(op, xs, settings)
        if _is_well_typed(primitive, case):
            return case, refused
    raise AssertionError(f"no case of {op} in {TRIES} tries")


def _sizes(primitive: Primitive, rng: random.Random) -> tuple[Size, ...]:
    least, most = primitive.arity
    count = rng.randint(least, most if most is not None else least + 2)
    one = rng.choice(CHANNELS), rng.randint(1, LARGEST), rng.randint(1, LARGEST)
    found = [one]
    while len(found) < count:
        c, h, w = rng.choice(found)
        c = rng.choice((c, c, c, c, 1, rng.choice(CHANNELS)))
        match rng.randrange(8):
            case 0:
                h, w = 1, 1
            case 1:
                h, w = rng.randint(1, LARGEST), rng.randint(1, LARGEST)
            case 2 | 3:
                k, k2 = rng.choice(((2, 2), (2, 2), (3, 3), (1, 2), (2, 1)))
                h, w = h * k + rng.randrange(k), w * k2 + rng.randrange(k2)
        found.append((c, h, w))
    if primitive.tensor_settings and rng.random() < 0.4:
        found.append((rng.choice(CHANNELS), rng.randint(1, LARGEST), rng.randint(1, LARGEST)))
    return tuple(found)


def _omitted(setting: Setting, rng: random.Random) -> bool:
    if setting.default is None and not setting.optional:
        return False
    return rng.random() < (0.7 if setting.optional else 0.4)


def _value(setting: Setting, xs: Sequence[Size], rng: random.Random) -> Any:
    low = 0 if setting.low is None else int(setting.low)
    if setting.kind == "bool":
        return rng.random() < 0.5
    if setting.kind == "str" or (setting.kind == "pair" and setting.choices and rng.random() < 0.4):
        return rng.choice(setting.choices)
    if setting.kind == "float":
        values = [v for v in FLOATS if (setting.low is None or v >= setting.low)]
        values += [-0.5] if setting.low is None else []
        return rng.choice([v for v in values if setting.high is None or v <= setting.high])
    if setting.kind == "ints":
        return tuple(rng.randint(max(low, 1), LARGEST) for _ in range(2))
    if setting.kind == "pair":
        pair = rng.randint(low, low + 4), rng.randint(low, low + 4)
        return pair[0] if rng.random() < 0.5 else apply("pair", *pair)
    c = xs[0][0]
    divisors = [n for n in range(1, c + 1) if c % n == 0]
    return max(low, rng.choice((rng.randint(low, low + 3), rng.choice(divisors), c * rng.randint(1, 3))))


def _is_well_typed(primitive: Primitive, case: Case) -> bool:
    attrs = dict(case.settings)
    for setting in primitive.settings:
        if setting.name not in attrs and setting.default is not None:
            default = setting.default
            attrs[setting.name] = default(case.xs) if callable(default) else default
    failed = []
    primitive.sizes(case.xs, attrs, lambda holds, code, *_, **__: failed.append(code) if not holds else None)
    return not failed


# ---------------------------------------------------------------- what must hold


def differences(case: Case, seed: int = 0) -> Iterator[str]:
    """What does not hold of a case."""
    program = archdsl.load("net.arch", text=case.text)
    checked = {d.code for d in program.check().diagnostics if d.severity == "error"} - ADVISORY
    if checked:
        yield f"`check` refuses what the shape rule accepts: {sorted(checked)}"
        return
    graph = program.network().bound
    yield from _texts(case, graph)
    if not graph.nodes:
        return
    torch.manual_seed(seed)
    module = build(graph).eval()
    _randomize(module)
    yield from _counts(graph, module)
    yield from _computed(case, graph, module)
    yield from _at_another_size(case, graph, module, random.Random(seed))


def _texts(case: Case, graph: Graph) -> Iterator[str]:
    if dump(parse(dump(graph))) != dump(graph):
        yield "its IR text is read as another graph"
    full = written_out(graph)
    again = archdsl.load("full.arch", text=full).network().bound
    if [(n.op, dict(n.attrs)) for n in again.nodes.values()] != [
        (n.op, dict(n.attrs)) for n in graph.nodes.values()
    ]:
        yield "written out it is read as another network"
    if format_source(Source("full.arch", full)) != full:
        yield "the formatter changes what is written out"


def _randomize(module: nn.Module) -> None:
    with torch.no_grad():
        for name, value in [*module.named_parameters(), *module.named_buffers()]:
            if value.is_floating_point():
                value.uniform_(0.5, 1.5) if "var" in name else value.normal_()


def _counts(graph: Graph, module: nn.Module) -> Iterator[str]:
    cost = total(costs(graph).values())
    inputs = [torch.zeros(1, *size) for size in graph.inputs.values()]
    plain = sdpa_kernel(SDPBackend.MATH)  # the counter has no rule for the fused kernel of CPUs
    with torch.no_grad(), plain, FlopCounterMode(display=False) as counter:
        y = module(*inputs)
    if tuple(y.shape[1:]) != infer(graph)[graph.outputs["y"]]:
        yield f"torch has the shape {tuple(y.shape[1:])}, the rule {infer(graph)[graph.outputs['y']]}"
    if cost.params != (params := sum(p.numel() for p in module.parameters())):
        yield f"{cost.params} parameters, the module has {params}"
    if 2 * cost.macs != counter.get_total_flops():
        yield f"{cost.macs} MACs, torch counts {counter.get_total_flops() / 2}"


def _computed(case: Case, graph: Graph, module: nn.Module) -> Iterator[str]:
    (node,) = graph.nodes.values()
    primitive, y_size = ops.get(node.op), infer(graph)[node.name]
    xs = [torch.randn(1, *size) for size in graph.inputs.values()]
    with torch.no_grad():
        expected = module(*xs)
    found = _by_onnx(graph, module, xs)
    bound = 1e-4 * max(1.0, float(expected.abs().max()))
    if found.shape != tuple(expected.shape) or not np.allclose(found, expected, atol=bound, rtol=1e-3):
        yield f"onnxruntime differs by {_most(found, expected)}"
    if primitive.is_identity(case.xs, y_size, node.attrs) and not torch.equal(expected, xs[0]):
        yield "it is no identity"
    with torch.no_grad():
        zero = module(*[torch.zeros_like(x) for x in xs])
    if (primitive.keeps_zero(node.attrs) or primitive.makes_zero) and zero.abs().max() > 0:
        yield "zeros become something else"
    module.double()
    tensors = primitive.tensors(len(xs))
    for port in range(tensors):
        for axis in (0, 1):
            yield from _seen(graph, module, port, axis)
    module.float()


def _by_onnx(graph: Graph, module: nn.Module, xs: Sequence[torch.Tensor]) -> np.ndarray[Any, Any]:
    model = onnx_direct.model(graph, onnx_direct.module_weights(module))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feeds = {name: x.numpy() for name, x in zip(graph.inputs, xs, strict=True)}
    found = session.run(None, {i.name: feeds[i.name] for i in session.get_inputs()})[0]
    return np.asarray(found)


def _most(found: np.ndarray[Any, Any], expected: torch.Tensor) -> str:
    if found.shape != tuple(expected.shape):
        return f"its shape, {found.shape} instead of {tuple(expected.shape)}"
    return f"{np.abs(found - expected.numpy()).max():.2g}"


def _seen(graph: Graph, module: nn.Module, port: int, axis: int) -> Iterator[str]:
    """Whether a value depends on rows (or columns) from the first to the last by the rule, and on no others.

    Each row of random maps is replaced in turn; which rows of the output change is what reads it.
    """
    (node,) = graph.nodes.values()
    primitive, dim = ops.get(node.op), axis + 2
    size = graph.inputs[node.inputs[port]]
    x, y = size[axis + 1], infer(graph)[node.name][axis + 1]
    repeats = max(4, 600 // (size[0] * size[2 - axis]))
    inputs = [torch.randn(repeats, *graph.inputs[i], dtype=torch.float64) for i in graph.inputs]
    own = list(graph.inputs).index(node.inputs[port])
    with torch.no_grad():
        base = module(*inputs)
        rows = [other.expand(x, *other.shape).flatten(0, 1) for other in inputs]
        changed = inputs[own].expand(x, *inputs[own].shape).clone()
        for row in range(x):
            changed[row].select(dim, row).normal_()
        rows[own] = changed.flatten(0, 1)
        found = module(*rows).unflatten(0, (x, repeats))
    moved = ((found - base).abs() > 1e-9).movedim(dim + 1, 1).flatten(2).any(2)  # input row, output row
    if not moved.any():
        return  # the output is constant, as that of a softmax over one channel
    attrs = primitive.along(node.attrs, axis)
    for at in range(y):
        rule = primitive.sees_in(port, at, x, y, attrs)
        ends = None if rule is None else tuple(min(max(row, 0), x - 1) for row in rule)
        read = moved[:, at].nonzero().flatten().tolist()
        if ((read[0], read[-1]) if read else None) != ends:
            if ends and _may_be_wider(primitive, size, attrs) and set(read) <= {*range(ends[0], ends[1] + 1)}:
                continue
            yield f"row {at} of {y} (axis {axis}) reads {read} of {x} rows of input {port}, not {ends}"
            return


def _may_be_wider(primitive: Primitive, size: Size, attrs: Any) -> bool:
    """Whether a rule may name rows that are not read, for reasons that one axis does not show.

    A softmax over one key does not depend on the query. Of unpooled windows that share a position, the last
    one counts, and at a border that is always the same one. A window that contains a single pixel, since the
    rest is padding, has its maximum there.
    """
    if primitive.name == "max_unpool":
        return bool(attrs["s"] < attrs["k"] or windows(attrs)[0].pad)
    r = attrs.get("reduction", 1)
    return primitive.name == "attention" and (size[1] // r) * (size[2] // r) == 1


def _at_another_size(case: Case, graph: Graph, module: nn.Module, rng: random.Random) -> Iterator[str]:
    """The module computes the shape that the rule gives for an image of another size."""
    (node,) = graph.nodes.values()
    if len(case.xs) > 1:
        return
    other = (case.xs[0][0], rng.randint(1, 2 * LARGEST), rng.randint(1, 2 * LARGEST))
    failed: list[str] = []
    y = ops.get(node.op).sizes([other], node.attrs, lambda ok, code, *_, **__: ok or failed.append(code))
    if set(failed) - ADVISORY:
        return
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = module(torch.zeros(1, *other))
    if tuple(found.shape[1:]) != y:
        yield f"for an image of {other}, torch has the shape {tuple(found.shape[1:])}, the rule {y}"
    follows = ops.get(node.op).size_follows([case.xs[0]], infer(graph)[node.name], node.attrs)
    if follows is not None:
        strides = follows[1] if isinstance(follows[1], tuple) else (follows[1],) * 2
        wanted = tuple(-(-n // s) for n, s in zip(other[1:], strides, strict=True))
        if y[1:] != wanted:
            yield f"its size for {other} is {y[1:]}, not {wanted} as `size_follows` has it"
