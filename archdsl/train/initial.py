"""Initializes a training with weights of a file, whose tensors are matched by name or by order."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from torch import nn

from archdsl.bounded import unread
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.runs.manifest import run_kind
from archdsl.train.weights import demand_finite, read_tensors

_WRAPPED = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.", "model.")
_MOST_WRAPS = 8
_COUNTER = "num_batches_tracked"
_SHOWN = 8


@dataclass(frozen=True)
class LoadReport:
    """A report on loading a file: names of the tensors of the network that were loaded (`taken`) or not.

    Of those not loaded, `other_shape` maps names to the shapes in the file and in the network; `lacking` are
    not in the file. `unused` are tensors of the file that the network does not have.
    """

    file: Path
    sha256: str
    taken: tuple[str, ...]
    other_shape: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
    lacking: tuple[str, ...]
    unused: tuple[str, ...]
    by: Literal["name", "order"]

    @property
    def is_whole(self) -> bool:
        """Whether all tensors of the network were loaded."""
        return not self.other_shape and not self.lacking

    def recorded(self) -> dict[str, Any]:
        """The entry of the initial weights in the manifest."""
        others = {"other_shape": list(self.other_shape), "lacking": list(self.lacking)}
        whole = {"file": str(self.file), "sha256": self.sha256, "by": self.by, "taken": len(self.taken)}
        return {**whole, **others}


def weights_at(path: Path) -> Path:
    """The file of weights at a path: the file itself, or the final weights in a run folder."""
    if not path.is_dir():
        return path
    name = "best" if run_kind(path / "manifest.json") == "search" else "weights_last"
    return path / f"{name}.safetensors"


def load_matching(module: nn.Module, path: Path) -> LoadReport:
    """Loads the tensors of a file whose names and shapes match a module's; other tensors keep their values.

    The file is in the safetensors format, or a state_dict written by `torch.save`, loaded without running
    code. If no name in a state_dict matches, tensors are matched by order, if those of file and network have
    the same roles in the same order. Raises SpecError: ARCH914 for other files, if nothing matches, or if a
    matching tensor is not dense and floating-point; ARCH934 for non-finite values.
    """
    found, ordered = _tensors(path)
    own = {name: t for name, t in module.state_dict().items() if not name.endswith(_COUNTER)}
    in_order = _in_order(found, own) if ordered else None
    found = in_order or found
    taken = {name: found[name] for name, t in own.items() if name in found and found[name].shape == t.shape}
    if not taken:
        raise _refused(path, "no tensor in it matches a name and shape of the network", _compared(found, own))
    for name, tensor in taken.items():
        if not _is_plain(tensor):
            raise _refused(path, f"`{name}` must be a dense floating-point tensor")
    demand_finite(path, {name: tensor.to(own[name].dtype) for name, tensor in taken.items()})
    module.load_state_dict(taken, strict=False)
    other = {
        name: (tuple(found[name].shape), tuple(t.shape))
        for name, t in own.items()
        if name in found and name not in taken
    }
    return LoadReport(
        path,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        tuple(taken),
        other,
        tuple(name for name in own if name not in found),
        tuple(name for name in found if name not in own and not name.endswith(_COUNTER)),
        "order" if in_order else "name",
    )


def _is_plain(tensor: torch.Tensor) -> bool:
    return tensor.layout is torch.strided and tensor.is_floating_point() and not tensor.is_meta


def _in_order(
    found: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor] | None:
    """Tensors of a file by the names of the network, matched by order; None if the orders may differ.

    The numbers of tensors must be equal, and both tensors of a pair must have the same role, the last part of
    the name (`weight` in `features.0.weight`); shapes do not suffice, since biases and means have equal ones.
    """
    there = {name: tensor for name, tensor in found.items() if not name.endswith(_COUNTER)}
    if not there.keys().isdisjoint(own) or [*map(_role, there)] != [*map(_role, own)]:
        return None
    return dict(zip(own, there.values(), strict=True))


def _role(name: str) -> str:
    return name.rpartition(".")[2]


def _tensors(path: Path) -> tuple[dict[str, torch.Tensor], bool]:
    """The tensors of a file by name, and whether they are in module order."""
    try:
        with path.open("rb") as file:
            head = file.read(2)
    except OSError as error:
        raise unread(path, error) from error
    if head not in (b"PK", b"\x80\x02"):
        return read_tensors(path), False  # sorted by name and type
    try:
        whole = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, ValueError, KeyError, TypeError,
            AttributeError, IndexError, OverflowError) as error:  # fmt: skip
        why = (
            "it is damaged, or contains other objects than tensors: save it by "
            "torch.save(model.state_dict(), FILE)"
        )
        raise _refused(path, why) from error
    found = _unwrapped(whole)
    if not found:
        raise _refused(path, "it contains no state_dict")
    while prefix := next((p for p in _PREFIXES if all(name.startswith(p) for name in found)), None):
        found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return found, True


def _unwrapped(whole: Any) -> dict[str, torch.Tensor]:
    """The tensors of a state_dict that may be inside other dicts, under a usual key or as the only dict."""
    for _ in range(_MOST_WRAPS):
        if not isinstance(whole, dict):
            break
        found = {k: v for k, v in whole.items() if isinstance(k, str) and isinstance(v, torch.Tensor)}
        dicts = {key: value for key, value in whole.items() if isinstance(value, dict)}
        inner = next((dicts[key] for key in _WRAPPED if key in dicts), None)
        if inner is None and not found and len(dicts) == 1:
            (inner,) = dicts.values()
        if inner is None:
            return found
        whole = inner
    return {}


def _refused(path: Path, why: str, help: str | None = None) -> SpecError:
    return SpecError([Diagnostic("ARCH914", f"cannot initialize weights from {path}: {why}", help=help)])


def _compared(found: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]) -> str:
    """A text on the first difference between the tensors of a file and of a network, in order."""
    there = {name: tensor for name, tensor in found.items() if not name.endswith(_COUNTER)}
    counts = f"the file has {len(there)} tensors, the network {len(own)}"
    for (theirs, a), (ours, b) in zip(there.items(), own.items(), strict=False):
        if _role(theirs) != _role(ours) or a.shape != b.shape:
            sizes = f"`{theirs}` ({_sizes(tuple(a.shape))}) and `{ours}` ({_sizes(tuple(b.shape))})"
            return f"{counts}; in order, the first that differ are {sizes}"
    return f"{counts}; in order, the common ones agree in shape: save a state_dict by torch.save"


def load_report_text(found: LoadReport, whole_at: Path | None = None) -> str:
    """A report as text: loaded and skipped tensors; shortened if the file `whole_at` has the full report."""
    most = None if whole_at is None else _SHOWN
    whole = len(found.taken) + len(found.other_shape) + len(found.lacking)
    lines = [
        f"initialized from {found.file}: {len(found.taken)} of {whole} tensors loaded, matched by "
        f"{found.by} and shape"
    ]
    shapes = [
        f"{name} (file: {_sizes(a)}, network: {_sizes(b)})" for name, (a, b) in found.other_shape.items()
    ]
    for what, names in (
        ("not loaded, shape differs", shapes),
        ("not loaded, missing in the file", list(found.lacking)),
        ("in the file, but unused", list(found.unused)),
    ):
        if names:
            left = len(names[:most])
            more = f" and {len(names) - left} more (full list: {whole_at})" if len(names) > left else ""
            lines.append(f"  {what}: {', '.join(names[:most])}{more}")
    return "\n".join(lines)


def _sizes(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"
