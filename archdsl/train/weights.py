"""Reads and writes files of weights: safetensors with metadata on network, training data and licence."""

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
"""The metadata key for the hash of the network."""

_CHECKSUM = "archdsl_sha256"
"""The metadata key for the SHA-256 of the file, computed with zeros in place of this value."""

_MARK, _SEALED = "archdsl_weights", "2"
"""A metadata entry that marks files with a checksum, so that a removed checksum is detected."""

_SIZE = re.compile(r"^(  input \w+: \[\d+), \d+, \d+\]", re.MULTILINE)


def network_text(network: Network) -> str:
    """The network as canonical .arch text, in full, without decisions or imports."""
    return written_out(network.graph)


def network_hash(network: Network) -> str:
    """The SHA-256 of `network_text` without the input size, on which weights do not depend."""
    return hashlib.sha256(_SIZE.sub(r"\1, H, W]", network_text(network)).encode("utf-8")).hexdigest()


def save_weights(path: Path, module: nn.Module, metadata: Mapping[str, str], half: bool = False) -> None:
    """Writes the parameters and buffers of a module to a file; the output is deterministic.

    `metadata[SPEC]` should be the hash of the network. With `half`, tensors are stored as float16 unless
    values are out of its range. Raises SpecError (ARCH917) if the disk is full.
    """
    _write(path, module.state_dict(), metadata, half)


def copy_weights(source: Path, target: Path, half: bool = False) -> dict[str, str]:
    """Copies a file of weights, with `half` as in `save_weights`; returns the metadata.

    Raises SpecError: ARCH914 for a damaged or invalid file, ARCH934 for non-finite weights, ARCH917 if the
    disk is full.
    """
    metadata, tensors = _read(source)
    _write(target, tensors, metadata, half)
    return metadata


def load_weights(path: Path, module: nn.Module, expected_hash: str | None) -> dict[str, str]:
    """Loads weights into a module, which keeps its dtype; returns the metadata of the file.

    `expected_hash` is the hash of the network (None: not compared). Raises SpecError: ARCH914 for a damaged
    or invalid file, ARCH934 for non-finite weights, ARCH913, with the differences, for weights of another
    network.
    """
    metadata, tensors = _read(path)
    different = _differences(tensors, module.state_dict())
    if different or (expected_hash is not None and metadata.get(SPEC) != expected_hash):
        raise SpecError([_another(path, metadata, expected_hash, different)])
    module.load_state_dict(tensors)
    return metadata


def module_with_weights(network: Network, path: Path) -> tuple[CompiledNetwork, dict[str, str]]:
    """The module of a network in eval mode, with the weights of a file, and the file's metadata.

    The file may include train-only outputs that the network lacks. Raises SpecError as `load_weights`.
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

    Raises SpecError: ARCH914 for an invalid file or a wrong checksum, ARCH715 if it cannot be opened.
    """
    with _opened(path) as file:
        metadata = dict(file.metadata() or {})
    _demand_whole(path, metadata)
    return {key: value for key, value in metadata.items() if key not in (_CHECKSUM, _MARK)}


def classes_of(metadata: Mapping[str, str]) -> tuple[list[str], list[tuple[int, int, int]]]:
    """The names and colours of classes in the metadata; empty if missing or invalid."""
    try:
        names = TypeAdapter(list[str]).validate_json(metadata.get("classes", "[]"))
        colours = TypeAdapter(list[tuple[int, int, int]]).validate_json(metadata.get("colours", "[]"))
    except ValidationError:  # weights from another program, with another format
        return [], []
    return names, colours


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file of weights by name.

    Raises SpecError: ARCH914 for a damaged or invalid file, ARCH934 for non-finite weights.
    """
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
    """The checksum as the JSON field in the header of a file."""
    return f'"{_CHECKSUM}":"{digits}"'.encode()


def _demand_whole(path: Path, metadata: Mapping[str, str]) -> None:
    """Raises SpecError (ARCH914) if the checksum of a file is wrong or was removed."""
    digits = metadata.get(_CHECKSUM)
    if digits is None and _MARK not in metadata:
        return  # from another program, or an earlier version
    data = path.read_bytes().replace(_field(digits or ""), _field(_ZEROS), 1)
    if hashlib.sha256(data).hexdigest() != digits:
        why = "its checksum is missing" if digits is None else "its checksum differs"
        help = (
            "restore the file from a copy; if it was edited on purpose, remove "
            f"`{_CHECKSUM}` and `{_MARK}` from its metadata"
        )
        raise SpecError([Diagnostic("ARCH914", f"{path} is damaged: {why}", help=help)])


def demand_finite(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raises SpecError (ARCH934) for the first tensor with non-finite values."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            headline = f"{path}: `{name}` has non-finite values"
            help = "use other weights; those of a training that diverged need a lower learning rate"
            raise SpecError([Diagnostic("ARCH934", headline, help=help)])


def _in_order(data: bytes) -> bytes:
    """The bytes of a safetensors file with sorted metadata, which the library writes in random order."""
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
        headline = f"{path} is not a valid file of weights: it is truncated, or not in the safetensors format"
        raise SpecError([Diagnostic("ARCH914", headline)]) from error
    except OSError as error:
        raise unread(path, error) from error


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor
    half = tensor.half()
    return half if torch.equal(half.isfinite(), tensor.isfinite()) else tensor


def _differences(found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> list[str]:
    lacking = [f"`{name}` is missing in the file" for name in wanted if name not in found]
    extra = [f"`{name}` is not in the network" for name in found if name not in wanted]
    shapes = [
        f"`{name}` is {_sizes(found[name])} in the file and {_sizes(wanted[name])} in the network"
        for name in wanted
        if name in found and found[name].shape != wanted[name].shape
    ]
    kinds = [
        f"`{name}` is {found[name].dtype} in the file and {wanted[name].dtype} in the network"
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
    headline = f"{path} contains weights of another network, `{name}`"
    if different:
        more = f", and {len(different) - 3} more differ" if len(different) > 3 else ""
        why = "; ".join(different[:3]) + more
    elif SPEC not in metadata:
        why = "all tensors match, but the file does not record its network"
    else:
        why = f"all tensors match, but its spec has hash {metadata[SPEC][:12]}, not {(expected or '')[:12]}"
    return Diagnostic("ARCH913", headline, help=f"{why}; use the spec that it was trained with")
