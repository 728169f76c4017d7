"""The runtimes of PyTorch: eager execution, and `torch.compile`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archdsl.devices.runtimes.base import Run, Runtime
from archdsl.ir.graph import Graph


class Torch(Runtime):
    """Runs a module in inference mode; if `compiled`, through `torch.compile` with its default mode."""

    package = "torch"
    devices = ("cpu", "cuda")

    def __init__(self, compiled: bool):
        self.compiled = compiled

    @property
    def options(self) -> Mapping[str, str]:
        return {"gradients": "off", "mode": "default"} if self.compiled else {"gradients": "off"}

    def prepare(self, graph: Graph, *, threads: int, batch: int, device: str) -> Run:
        import torch

        from archdsl.backends.torch_module import build

        torch.set_num_threads(threads)
        module: Any = build(graph).eval().to(device)
        generator = torch.Generator().manual_seed(0)
        shapes = [(batch, *shape) for shape in graph.inputs.values()]
        inputs = [torch.randn(shape, generator=generator).to(device) for shape in shapes]
        if self.compiled:
            module = torch.compile(module)

        def run() -> None:
            with torch.inference_mode():
                module(*inputs)

        return run


EAGER = Torch(compiled=False)
COMPILE = Torch(compiled=True)
