"""Exports networks: ONNX, torch.export, Python source, weights.

Every file records the origin of its weights: a file of weights, or the seed of random ones.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from archdsl import atomic
from archdsl.backends import exported, onnx_file
from archdsl.backends.source import WITHOUT_WEIGHTS, emit
from archdsl.backends.torch_module import CompiledNetwork, view
from archdsl.data.channels import mean_and_deviation
from archdsl.program import Network
from archdsl.train.read_inputs import INPUTS, read_inputs_of
from archdsl.train.weights import SPEC, module_with_weights, network_hash, save_weights

WEIGHTS = "weights"
"""The metadata key for the origin of the weights."""

_OF_PROGRAM = "from a module in a Python program"

_KEPT = (
    "classes",
    "colours",
    "data",
    "data_sha256",
    "licence",
    "miou",
    "scores",
    "tasks",
    "step",
    INPUTS,
)
"""The metadata keys that are copied from a file of weights."""


@dataclass(frozen=True)
class Filled:
    """A module with weights; `facts` are metadata about the network and the origin of the weights."""

    module: CompiledNetwork
    facts: Mapping[str, str]

    @property
    def is_random(self) -> bool:
        """Whether the weights are random rather than from a file."""
        return self.facts[WEIGHTS].startswith("random")

    def with_facts(self, facts: Mapping[str, str]) -> Filled:
        """A copy with additional or replaced facts."""
        return Filled(self.module, {**self.facts, **facts})


@dataclass(frozen=True)
class Written:
    """The files written, and notes about them."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]


def filled(network: Network, weights: Path | None = None, seed: int = 0) -> Filled:
    """The module of a network in eval mode, with the weights of a file, or random ones by `seed`.

    Raises SpecError: ARCH914 for an invalid file of weights, ARCH913 for weights of another network.
    """
    facts = {SPEC: network_hash(network), "name": network.name}
    if weights is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = network.module()
        return Filled(module, {**facts, WEIGHTS: f"random, seed {seed}, not trained"})
    module, metadata = module_with_weights(network, weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    kept = {key: metadata[key] for key in _KEPT if metadata.get(key)}
    return Filled(module, {**facts, WEIGHTS: f"{weights.name}, sha256 {digest}", **kept})


def filled_by(module: CompiledNetwork) -> Filled:
    """A module with its current weights, without train-only outputs, in eval mode."""
    network = Network(module.archdsl_graph)
    deployed = view(module, network.graph).eval()
    return Filled(deployed, {SPEC: network_hash(network), "name": network.name, WEIGHTS: _OF_PROGRAM})


def write(network: Filled, path: Path, form: str, *, dynamic: bool = True, verify: bool = True) -> Written:
    """Writes a network to a file; `form` is a key of FORMS.

    With `dynamic`, batch, height and width are dynamic axes of ONNX and torch.export as far as the network
    allows; otherwise the input is one image of the declared size. With `verify`, onnxruntime's outputs are
    compared with PyTorch's before an ONNX file is written. Raises SpecError (ARCH917) if the disk is full.
    """
    return FORMS[form](network, path, dynamic, verify)


def _onnx(network: Filled, path: Path, dynamic: bool, verify: bool) -> Written:
    facts = {**network.facts, **_preprocessing(network)}
    made = onnx_file.export(network.module, path, facts=facts, dynamic=dynamic, verify=verify)
    notes = [_outputs(network), _sizes(network, dynamic, made.open_axes)]
    if made.deviation is not None:
        notes.append(f"onnxruntime agrees with PyTorch to {made.deviation:.1e} of the largest logit")
    return Written((path,), tuple(notes))


def _program(network: Filled, path: Path, dynamic: bool, _verify: bool) -> Written:
    program = exported.export(network.module, dynamic)
    axes = exported.open_axes(network.module.archdsl_graph) if dynamic else ()
    data = io.BytesIO()
    facts = {**network.facts, **_preprocessing(network)}
    torch.export.save(program, data, extra_files={"archdsl.json": json.dumps(facts, indent=2)})
    atomic.write_bytes(path, data.getvalue())
    names = [onnx_file.AXES[axis] for axis in axes]
    return Written((path,), (_outputs(network), _sizes(network, dynamic, names)))


def _weights(network: Filled, path: Path, _dynamic: bool, _verify: bool) -> Written:
    save_weights(path, network.module, network.facts)
    return Written((path,), ())


def _python(network: Filled, path: Path, _dynamic: bool, _verify: bool) -> Written:
    """Writes Python source, and, unless the weights are random, a file of weights beside it."""
    graph = network.module.archdsl_graph
    if network.is_random:
        notes: tuple[str, ...] = (WITHOUT_WEIGHTS,)
        files = [path]
    else:
        beside = path.with_suffix(".safetensors")
        save_weights(beside, network.module, network.facts)
        notes = (
            f"Weights: {beside.name} ({network.facts[WEIGHTS]})",
            "  from safetensors.torch import load_file",
            f"  model.load_state_dict(load_file('{beside.name}')); model.eval()",
        )
        files = [path, beside]
    atomic.write_text(path, emit(graph, notes))
    return Written(tuple(files), ())


FORMS: Mapping[str, Callable[[Filled, Path, bool, bool], Written]] = {
    "onnx": _onnx,
    "pt2": _program,
    "safetensors": _weights,
    "python": _python,
}


def _preprocessing(network: Filled) -> dict[str, str]:
    """The image normalization used in training, which users of the file have to apply, as metadata.

    It does not cover maps that are stacked on the images as further channels. Empty if the training is
    unknown.
    """
    if network.is_random or network.facts[WEIGHTS] == _OF_PROGRAM:
        return {}
    stacked = read_inputs_of(network.facts).stacked
    channels = next(iter(network.module.archdsl_graph.inputs.values()))[0] - stacked
    named = {1: "grey", 3: "RGB", 4: "RGB and a fourth channel"}.get(channels)
    if named is None:
        return {}
    mean, std = mean_and_deviation(channels)
    described = {"channels": named, "scale": "0 to 1", "mean": mean, "std": std}
    return {"normalisation": json.dumps(described)}


def _outputs(network: Filled) -> str:
    names = list(network.module.archdsl_graph.outputs)
    return f"output{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _sizes(network: Filled, dynamic: bool, open_axes: Sequence[str]) -> str:
    """A note on the dynamic axes, and on why other axes are static."""
    sizes = " and ".join("×".join(map(str, s)) for s in network.module.archdsl_graph.inputs.values())
    if not dynamic:
        return f"batch 1, size {sizes}"
    if len(open_axes) == len(onnx_file.AXES):
        return "any batch, height and width"
    return f"any batch, but only the size {sizes}: the network is ill-typed at others, or tracing failed"
