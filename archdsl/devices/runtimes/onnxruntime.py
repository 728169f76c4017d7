"""The runtime onnxruntime on the CPU, with all graph optimizations, as in deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archdsl.devices.runtimes.base import Run, Runtime
from archdsl.diagnostics import SpecError
from archdsl.ir.graph import Graph


class OnnxRuntime(Runtime):
    """onnxruntime with preallocated inputs and outputs, and threads that wait without spinning."""

    package = "onnxruntime"

    @property
    def options(self) -> Mapping[str, str]:
        return {
            "provider": "CPUExecutionProvider",
            "graph optimisation": "all",
            "execution": "sequential",
            "waiting": "passive",
        }

    def prepare(self, graph: Graph, *, threads: int, batch: int, device: str) -> Run:
        import numpy as np
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            _model(graph, batch), options, providers=[self.options["provider"]]
        )
        generator = np.random.default_rng(0)
        binding: Any = session.io_binding()
        held = []
        for value in session.get_inputs():
            data = generator.standard_normal(value.shape, np.float32)
            held.append(onnxruntime.OrtValue.ortvalue_from_numpy(data))
            binding.bind_ortvalue_input(value.name, held[-1])
        for value in session.get_outputs():
            held.append(onnxruntime.OrtValue.ortvalue_from_numpy(np.empty(value.shape, np.float32)))
            binding.bind_ortvalue_output(value.name, held[-1])

        def run(held: Sequence[Any] = held) -> None:
            session.run_with_iobinding(binding)

        return run


def _model(graph: Graph, batch: int) -> bytes:
    """The ONNX model: lowered from the graph, or by PyTorch's exporter if a primitive has no lowering.

    Raises SpecError (ARCH862) if both fail.
    """
    from archdsl.backends import onnx_direct

    try:
        made = onnx_direct.model(graph, batch=batch)
    except SpecError as refused:
        if not onnx_direct.unwritten(graph):
            raise
        made = _exported(graph, batch, refused)
    data: bytes = made.SerializeToString()
    return data


def _exported(graph: Graph, batch: int, refused: SpecError) -> Any:
    from archdsl.backends import onnx_file

    try:
        return onnx_file.of_fixed_size(graph, batch)
    except Exception as error:  # the exporter raises arbitrary exceptions
        raise refused from error


RUNTIME = OnnxRuntime()
