"""Weights as safetensors that say which network they are of, what they learned from, and the licence."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from archdsl import atomic
from archdsl.backends.torch_module import CompiledNetwork, view
from archdsl.bounded import unread
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.program import Network
from archdsl.spec.decompile import written_out

SPEC = "spec_sha256"
"""The key of the metadata that holds the hash of the network."""

_CHECKSUM = "archdsl_sha256"
"""The key of the metadata that holds the SHA-256 of the file in which this value is zeros."""

_MARK, _SEALED = "archdsl_weights", "2"
"""The entry of the metadata that says that the file has a checksum: no single damage takes both."""

_SIZE = re.compile(r"^(  input \w+: \[\d+), \d+, \d+\]", re.MULTILINE)


def network_text(network: Network) -> str:
    """The network in canonical .arch text, written in full."""
    return written_out(network.graph)


def network_hash(network: Network) -> str:
    """SHA-256 of `network_text` without the size of the input, on which weights do not depend."""
    return hashlib.sha256(_SIZE.sub(r"\1, H, W]", network_text(network)).encode("utf-8")).hexdigest()


def save_weights(path: Path, module: nn.Module, metadata: Mapping[str, str], half: bool = False) -> None:
    """Writes parameters and buffers.  `metadata[SPEC]` should be the hash of the network.

    With `half`, as float16, but for tensors with numbers beyond its range.  The bytes of
    the file depend on nothing else.  Raises SpecError (ARCH917) where the disk is full.
    """
    _write(path, module.state_dict(), metadata, half)


def copy_weights(source: Path, target: Path, half: bool = False) -> dict[str, str]:
    """Writes a file of weights anew, with `half` as `save_weights` does; returns the metadata.

    Raises SpecError: ARCH914 for a file that is damaged or not of weights, ARCH934 for weights that are not
    finite, ARCH917 where the disk is full.
    """
    metadata, tensors = _read(source)
    _write(target, tensors, metadata, half)
    return metadata


def load_weights(path: Path, module: nn.Module, expected_hash: str | None) -> dict[str, str]:
    """Reads weights into a module, which keeps its precision; returns the metadata.

    Raises SpecError: ARCH914 for a file that is damaged or not of weights, ARCH934 for weights that are not
    finite, ARCH913 for weights of another network, which says what differs.  The hash is not compared where
    `expected_hash` is None.
    """
    metadata, tensors = _read(path)
    different = _differences(tensors, module.state_dict())
    if different or (expected_hash is not None and metadata.get(SPEC) != expected_hash):
        raise SpecError([_another(path, metadata, expected_hash, different)])
    module.load_state_dict(tensors)
    return metadata


def module_with_weights(network: Network, path: Path) -> tuple[CompiledNetwork, dict[str, str]]:
    """The module of a network, in eval mode, with the weights of a file; and its metadata.

    The file may be of the network with its train-only outputs, also where the network is without them.
    Raises SpecError as `load_weights`.
    """
    whole = network.with_train_outputs()
    if whole is network or read_metadata(path).get(SPEC) == network_hash(network):
        module = network.module()
        return module, load_weights(path, module, network_hash(network))
    source = whole.module()
    metadata = load_weights(path, source, network_hash(whole))
    return view(source, network.graph), metadata


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a file of weights.

    Raises SpecError: ARCH914, also where its checksum differs, ARCH715 where it cannot be opened.
    """
    with _opened(path) as file:
        metadata = dict(file.metadata() or {})
    _demand_whole(path, metadata)
    return {key: value for key, value in metadata.items() if key not in (_CHECKSUM, _MARK)}


def classes_of(metadata: Mapping[str, str]) -> tuple[list[str], list[tuple[int, int, int]]]:
    """Names and colours of classes as weights have them; empty where they have none."""
    try:
        names = TypeAdapter(list[str]).validate_json(metadata.get("classes", "[]"))
        colours = TypeAdapter(list[tuple[int, int, int]]).validate_json(metadata.get("colours", "[]"))
    except ValidationError:  # weights of somebody else, who writes them otherwise
        return [], []
    return names, colours


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file of weights by name.  Raises SpecError (ARCH914)."""
    return _read(path)[1]


def _read(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    metadata = read_metadata(path)
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    demand_finite(path, tensors)
    return metadata, tensors


def _write(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str], half: bool) -> None:
    kept = {
        name: (_halved(tensor) if half else tensor)
        .detach()
        .cpu()
        .clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    data = _in_order(save(kept, {"format": "pt", **metadata, _MARK: _SEALED, _CHECKSUM: _ZEROS}))
    atomic.write_bytes(path, data.replace(_field(_ZEROS), _field(hashlib.sha256(data).hexdigest()), 1))


_ZEROS = 64 * "0"


def _field(digits: str) -> bytes:
    """The checksum as it stands in the header of a file."""
    return f'"{_CHECKSUM}":"{digits}"'.encode()


def _demand_whole(path: Path, metadata: Mapping[str, str]) -> None:
    """Raises SpecError (ARCH914) where the checksum of a file is not its own, or was lost."""
    digits = metadata.get(_CHECKSUM)
    if digits is None and _MARK not in metadata:
        return  # of another program, or of an earlier version
    data = path.read_bytes().replace(_field(digits or ""), _field(_ZEROS), 1)
    if hashlib.sha256(data).hexdigest() != digits:
        why = "its checksum is missing" if digits is None else "its checksum differs"
        help = (
            "take another copy; a file that was changed on purpose has neither "
            f"`{_CHECKSUM}` nor `{_MARK}` in its metadata"
        )
        raise SpecError([Diagnostic("ARCH914", f"{path} is damaged: {why}", help=help)])


def demand_finite(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raises SpecError (ARCH934) for the first tensor that holds something else than finite numbers."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            headline = f"{path}: `{name}` holds numbers that are not finite"
            help = "what trained them diverged: train with a lower learning rate, or take earlier weights"
            raise SpecError([Diagnostic("ARCH934", headline, help=help)])


def _in_order(data: bytes) -> bytes:
    """The same file with its metadata sorted, which the library writes in a random order."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, "pt") as file:
            yield file
    except SafetensorError as error:
        headline = f"{path} is not a file of weights: it is cut off, or not in the safetensors format"
        raise SpecError([Diagnostic("ARCH914", headline)]) from error
    except OSError as error:
        raise unread(path, error) from error


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if torch.equal(half.isfinite(), tensor.isfinite()) else tensor


def _differences(found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> list[str]:
    lacking = [f"`{name}` is not in it" for name in wanted if name not in found]
    extra = [f"`{name}` is not in the network" for name in found if name not in wanted]
    shapes = [
        f"`{name}` is {_sizes(found[name])} in it and {_sizes(wanted[name])} in the network"
        for name in wanted
        if name in found and found[name].shape != wanted[name].shape
    ]
    kinds = [
        f"`{name}` is {found[name].dtype} in it and {wanted[name].dtype} in the network"
        for name in wanted
        if name in found and found[name].is_floating_point() != wanted[name].is_floating_point()
    ]
    return shapes + kinds + lacking + extra


def _sizes(tensor: torch.Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "one number"


def _another(
    path: Path, metadata: Mapping[str, str], expected: str | None, different: list[str]
) -> Diagnostic:
    name = metadata.get("name", "unknown")
    headline = f"{path} holds weights of another network, `{name}`"
    if different:
        more = f", and {len(different) - 3} more differ" if len(different) > 3 else ""
        why = "; ".join(different[:3]) + more
    elif SPEC not in metadata:
        why = "every tensor fits, but the file does not say which network it is of"
    else:
        why = f"every tensor fits, but its spec has hash {metadata[SPEC][:12]}, not {(expected or '')[:12]}"
    return Diagnostic("ARCH913", headline, help=f"{why}; take the spec that it was trained with")
