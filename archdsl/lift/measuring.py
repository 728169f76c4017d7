"""Finds the tensor whose size a resize takes, by running the model.

`F.interpolate(x, size=y.shape[2:])` names y, but a traced program contains only the height and width as
numbers, or expressions that are equal for many tensors. So the model is run once with sizes that record their
tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
from torch import fx
from torch.export import ExportedProgram
from torch.overrides import TorchFunctionMode

_SHAPE = torch.Tensor.shape.__get__  # type: ignore[attr-defined]


class _Dimension(int):
    """A height or width that records its tensor; numbers computed from it are plain integers."""

    of: torch.Tensor

    def __new__(cls, size: int, of: torch.Tensor) -> _Dimension:
        made = super().__new__(cls, size)
        made.of = of
        return made


class Measuring(TorchFunctionMode):
    """A context manager that records, for each call of `F.interpolate`, the tensor whose size is its
    argument, or None.
    """

    def __init__(self) -> None:
        super().__init__()
        self.measured: list[torch.Tensor | None] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is F.interpolate:
            size = (kwargs or {}).get("size", args[1] if len(args) > 1 else None)
            self.measured.append(_source(size))
        elif func == _SHAPE or func is torch.Tensor.size:
            tensor = args[0]
            if isinstance(result, torch.Size):
                return torch.Size([_Dimension(size, tensor) for size in result])
            return _Dimension(result, tensor) if isinstance(result, int) else result
        return result


def _source(size: Any) -> torch.Tensor | None:
    """The tensor that both height and width belong to; None if they belong to several or none."""
    if not isinstance(size, (tuple, list)) or not all(isinstance(n, _Dimension) for n in size):
        return None
    first = size[0].of
    return first if all(n.of is first for n in size) else None


def measured_nodes(
    program: ExportedProgram, arguments: Sequence[Any], tensors: Sequence[torch.Tensor | None]
) -> Mapping[fx.Node, fx.Node]:
    """For each resize in a program, the call that returned the tensor whose size it takes.

    Tensors are identified by their values: the program is run on the same inputs as the model.
    """
    resizes = [node for node in program.graph.nodes if str(node.target).startswith("aten.upsample_")]
    if len(resizes) != len(tensors) or all(tensor is None for tensor in tensors):
        return {}  # some are called by other means, or none is given a size of a tensor
    wanted = {_print(tensor) for tensor in tensors if tensor is not None}
    found = _Finder(program.graph_module, wanted)
    with torch.no_grad():
        found.run(*arguments)
    pairs = zip(resizes, tensors, strict=True)
    names = {resize: found.nodes.get(_print(tensor)) for resize, tensor in pairs if tensor is not None}
    nodes = {node.name: node for node in program.graph.nodes}
    return {resize: nodes[name] for resize, name in names.items() if name is not None}


def _print(tensor: torch.Tensor) -> tuple[object, ...]:
    """A fingerprint by which tensors are distinguished: the shape, the sum of values and of their squares."""
    return (*tensor.shape, float(tensor.double().sum()), float(tensor.double().square().sum()))


class _Finder(fx.Interpreter):
    """Runs a program, and records the first call that returns each of the wanted tensors."""

    def __init__(self, module: fx.GraphModule, wanted: set[tuple[object, ...]]):
        super().__init__(module)
        self.wanted, self.nodes = wanted, dict[tuple[object, ...], str]()
        self.shapes = {found[:-2] for found in wanted}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, torch.Tensor) and tuple(result.shape) in self.shapes:
            self.nodes.setdefault(_print(result), n.name)
        return result
