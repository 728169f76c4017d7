"""Compares the outputs of a lifted network with those of the original model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

import torch
from torch import fx
from torch.utils import _pytree as pytree

from archdsl.backends.exported import evaluating
from archdsl.backends.torch_module import CompiledNetwork
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.lift.recognizing import Recognized
from archdsl.lift.tracing import BATCH, Trace
from archdsl.ops.lifting import Layout


def difference(trace: Trace, found: Recognized, module: CompiledNetwork, seed: int = 0) -> float:
    """The largest difference of outputs for random inputs, relative to the model's largest value.

    Parts that were not lifted are replaced by the results of the model. Raises SpecError (ARCH833) if the
    model's outputs are not finite, or not the same each time.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = [torch.randn((BATCH, *size), generator=generator) for size in trace.inputs.values()]
    values = _Recorder(trace, {hole.node for hole in found.holes}).results(inputs) if found.holes else {}
    whole = {hole.name: _as_map(values[hole.node], hole.layout, hole.sizes) for hole in found.holes}
    wanted, again = (_outputs(trace.model, inputs) for _ in range(2))
    _demand_comparable(trace, wanted, again)
    with torch.no_grad():
        graph = module.archdsl_graph
        own = dict(zip((n for n in graph.inputs if n not in whole), inputs, strict=True))
        outputs = module.forward_all(*[{**own, **whole}[name] for name in graph.inputs])
    worst = 0.0
    for (name, operand), value in zip(found.outputs.items(), wanted, strict=True):
        if operand.name is not None and operand.sizes is not None:
            expected = _as_map(value, operand.layout, operand.sizes)
            error = (outputs[name] - expected).abs().max() / expected.abs().max().clamp_min(1e-12)
            worst = max(worst, float(error.nan_to_num(nan=inf)))
    return worst


def _outputs(model: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    with evaluating(model), torch.no_grad():
        returned = model(*[x.clone() for x in inputs])
    return [leaf for leaf in pytree.tree_leaves(returned) if isinstance(leaf, torch.Tensor)]


def _demand_comparable(trace: Trace, wanted: Sequence[torch.Tensor], again: Sequence[torch.Tensor]) -> None:
    if not all(bool(value.isfinite().all()) for value in wanted):
        weights = [name for name, value in trace.stored.items() if not bool(value.isfinite().all())]
        help = (
            f"`{weights[0]}` has non-finite values" if weights else "choose other weights, such as --seed 1"
        )
        raise SpecError([Diagnostic("ARCH833", "the model's outputs are not finite", help=help)])
    if not all(torch.equal(one, other) for one, other in zip(wanted, again, strict=True)):
        headline = "the model returns other outputs each time"
        help = "lift it without random numbers: they are drawn again in every call"
        raise SpecError([Diagnostic("ARCH833", headline, help=help)])


class _Recorder(fx.Interpreter):
    """Runs a traced program and keeps copies of the results of the calls `kept`, since later calls may
    overwrite them.
    """

    def __init__(self, trace: Trace, kept: set[str]):
        super().__init__(trace.program.graph_module)
        self.trace, self.wanted = trace, kept
        self.found: dict[str, torch.Tensor] = {}

    def results(self, inputs: list[torch.Tensor]) -> Mapping[str, torch.Tensor]:
        with torch.no_grad():
            self.run(*self.trace.arguments(inputs))
        return self.found

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n.name in self.wanted:
            self.found[n.name] = result.clone()
        return result


def _as_map(value: torch.Tensor, layout: Layout, sizes: tuple[int, int, int]) -> torch.Tensor:
    """The feature map, N × C × H × W, that a tensor with this layout represents; `sizes` are (C, H, W)."""
    factors = [factor for dimension in layout for factor in dimension]
    apart = value.reshape([size for _, _, size in factors] or [1])
    axes = {axis: at for at, axis in enumerate("nchw")}
    order = sorted(range(len(factors)), key=lambda n: (axes[factors[n][0]], -factors[n][1]))
    return apart.permute(order).reshape(BATCH, *sizes) if factors else value.reshape(BATCH, *sizes)
