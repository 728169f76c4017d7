"""Weights that a training starts from: those of a file that fit, tensor by tensor, by name or order."""

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
class Start:
    """What was taken from a file, by name; `other_shape` holds the shape in the file and in the network."""

    file: Path
    sha256: str
    taken: tuple[str, ...]
    other_shape: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
    lacking: tuple[str, ...]
    unused: tuple[str, ...]
    by: Literal["name", "order"]

    @property
    def is_whole(self) -> bool:
        """Whether every tensor of the network was taken."""
        return not self.other_shape and not self.lacking

    def recorded(self) -> dict[str, Any]:
        """What the manifest of the run says of it."""
        others = {"other_shape": list(self.other_shape), "lacking": list(self.lacking)}
        whole = {"file": str(self.file), "sha256": self.sha256, "by": self.by, "taken": len(self.taken)}
        return {**whole, **others}


def weights_at(path: Path) -> Path:
    """The file of weights that a path names: itself, or of a run's folder the final ones."""
    if not path.is_dir():
        return path
    name = "best" if run_kind(path / "manifest.json") == "search" else "weights_last"
    return path / f"{name}.safetensors"


def start_from(module: nn.Module, path: Path) -> Start:
    """Gives a module the tensors of a file that have the name and shape of its own; others stay.

    The file holds safetensors, or what `torch.save` wrote of a state_dict; no code of it is run.  Tensors of
    a state_dict that has none of the network's names are taken by order, where it says that it is the same
    one.  Raises SpecError: ARCH914 where the file is neither, where nothing in it fits, or a tensor that fits
    is not dense and floating-point, ARCH934 where one is not finite.
    """
    found, ordered = _tensors(path)
    own = {name: t for name, t in module.state_dict().items() if not name.endswith(_COUNTER)}
    in_order = _in_order(found, own) if ordered else None
    found = in_order or found
    taken = {name: found[name] for name, t in own.items() if name in found and found[name].shape == t.shape}
    if not taken:
        raise _refused(path, "no tensor in it has the name and shape of one of the network")
    for name, tensor in taken.items():
        if not _is_plain(tensor):
            raise _refused(path, f"`{name}` is not a dense tensor of floating-point numbers")
    demand_finite(path, {name: tensor.to(own[name].dtype) for name, tensor in taken.items()})
    module.load_state_dict(taken, strict=False)
    other = {
        name: (tuple(found[name].shape), tuple(t.shape))
        for name, t in own.items()
        if name in found and name not in taken
    }
    return Start(
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
    """The tensors of a file under the network's names, by order; None where the order may be another.

    There have to be as many, and each pair has to have one role: the last part of a name, as in
    `features.0.weight`.  Else a bias would pass for a mean, which has its shape.
    """
    there = {name: tensor for name, tensor in found.items() if not name.endswith(_COUNTER)}
    if not there.keys().isdisjoint(own) or [*map(_role, there)] != [*map(_role, own)]:
        return None
    return dict(zip(own, there.values(), strict=True))


def _role(name: str) -> str:
    return name.rpartition(".")[2]


def _tensors(path: Path) -> tuple[dict[str, torch.Tensor], bool]:
    """The tensors of a file by name, and whether they stand in the order of the module that they are of."""
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
        why = "it is damaged, or holds more than tensors: save torch.save(model.state_dict(), FILE)"
        raise _refused(path, why) from error
    found = _unwrapped(whole)
    if not found:
        raise _refused(path, "it holds no state_dict")
    while prefix := next((p for p in _PREFIXES if all(name.startswith(p) for name in found)), None):
        found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return found, True


def _unwrapped(whole: Any) -> dict[str, torch.Tensor]:
    """The tensors of a state_dict that lies in some dicts, under a usual name or as the only dict there."""
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


def _refused(path: Path, why: str) -> SpecError:
    return SpecError([Diagnostic("ARCH914", f"a training cannot start from {path}: {why}")])


def start_text(found: Start, whole_at: Path | None = None) -> str:
    """Which tensors were taken and which were not, in lines: all, or some where all are in another file."""
    most = None if whole_at is None else _SHOWN
    whole = len(found.taken) + len(found.other_shape) + len(found.lacking)
    lines = [
        f"starting from {found.file}: {len(found.taken)} of {whole} tensors taken, by {found.by} and shape"
    ]
    shapes = [f"{name} (there {_sizes(a)}, here {_sizes(b)})" for name, (a, b) in found.other_shape.items()]
    for what, names in (
        ("new, as the shape differs", shapes),
        ("new, as not in the file", list(found.lacking)),
        ("in the file, and not used", list(found.unused)),
    ):
        if names:
            left = len(names[:most])
            more = f" and {len(names) - left} more (all of them: {whole_at})" if len(names) > left else ""
            lines.append(f"  {what}: {', '.join(names[:most])}{more}")
    return "\n".join(lines)


def _sizes(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"
