"""Checks that all forms of a network agree: text, graph, PyTorch module, Python source, ONNX."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from archdsl.backends.torch_module import CompiledNetwork
    from archdsl.ir.graph import Graph
    from archdsl.program import Network, Program

ONNX_TOLERANCE = 1e-4
"""The maximum deviation of onnxruntime's logits, relative to the largest logit."""


def failures(program: Program, network: Network, *, seed: int, onnx: bool) -> Iterator[str]:
    """Yields the differences between the forms of a network."""
    network = network.with_train_outputs()
    yield from _texts(program, network)
    import torch

    generator = torch.Generator().manual_seed(seed)
    inputs = [torch.randn(1, *size, generator=generator) for size in network.graph.inputs.values()]
    torch.manual_seed(seed)
    module = network.module()
    with torch.inference_mode():
        yield from _shapes(network.graph, module, inputs)
        logits = module(*inputs)
        yield from _source(network.graph, module, inputs, logits)
    if onnx:
        yield from _onnx(network.graph, module, seed)


def _texts(program: Program, network: Network) -> Iterator[str]:
    from archdsl.ir.same import same_but_for_names
    from archdsl.ir.text.reader import parse
    from archdsl.ir.text.writer import dump
    from archdsl.program import load

    text = network.to_arch()
    again = (
        load(program.unit.path.with_name("fuzzed.arch"), text=text).network(network.name).with_train_outputs()
    )
    if again.graph != network.graph and not (
        network.origin is None and same_but_for_names(again.graph, network.graph)
    ):
        yield "its .arch text parses to a different graph"
    dumped = dump(network.graph)
    if dump(parse(dumped)) != dumped:
        yield "its graph text does not round-trip"


def _shapes(graph: Graph, module: torch.nn.Module, inputs: Sequence[torch.Tensor]) -> Iterator[str]:
    """Yields layers and outputs whose inferred shapes differ from PyTorch's."""
    from archdsl.backends.naming import identifier
    from archdsl.passes.analyses.shapes import infer

    inferred = infer(graph)
    computed: dict[str, tuple[int, ...]] = {}

    def remember(name: str) -> Callable[..., None]:
        def hook(_layer: Any, _inputs: Any, output: torch.Tensor) -> None:
            computed[name] = tuple(output.shape[1:])

        return hook

    hooks = [child.register_forward_hook(remember(name)) for name, child in module.named_children()]
    logits = module(*inputs)
    for hook in hooks:
        hook.remove()
    main = next(iter(graph.outputs.values()))
    pairs = {main: (inferred[main], tuple(logits.shape[1:]))}
    uses = [getattr(node, "weights", None) for node in graph.nodes.values()]
    for name, node in graph.nodes.items():
        layer = identifier(name)
        if layer in computed and uses.count(getattr(node, "weights", None)) == 1:
            pairs[name] = inferred[name], computed[layer]
    for name, (inferred_shape, is_) in pairs.items():
        if tuple(inferred_shape) != is_:
            yield f"{name} has shape {is_}, inferred {tuple(inferred_shape)}"


def _source(
    graph: Graph, module: torch.nn.Module, inputs: Sequence[torch.Tensor], logits: torch.Tensor
) -> Iterator[str]:
    from archdsl.backends.source import emit

    namespace: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(emit(graph), "emitted.py", "exec"), namespace)  # generated source, not user code
    classes = [v for v in namespace.values() if isinstance(v, type) and v.__module__ == "emitted"]
    twin = classes[-1]()
    twin.load_state_dict(module.state_dict())
    found = twin.eval()(*inputs)
    same = found.shape == logits.shape and found.allclose(logits, rtol=0, atol=0, equal_nan=True)
    if not same:
        yield "the emitted Python computes different logits"


def _onnx(graph: Graph, module: CompiledNetwork, seed: int) -> Iterator[str]:
    from archdsl.backends.onnx_file import deviation, export

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export(module, path, verify=False)
        share = deviation(path, module, [list(graph.inputs.values())], seed)
    if not share <= ONNX_TOLERANCE:  # also catches NaN
        yield f"ONNX differs by {share:.1e} of the largest logit"
