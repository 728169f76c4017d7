"""`archdsl train --init`: where the weights of a training start, and what is printed of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.diagnostics import Diagnostic, SpecError

if TYPE_CHECKING:
    from torch import nn

    from archdsl.train.initial import Start

_SHOWN = 8


def start(module: nn.Module, init: Path, strict: bool, talks: bool) -> dict[str, Any]:
    """Gives a module the weights that fit; returns what the manifest records.

    With `strict`, raises SpecError (ARCH913) where a tensor of the network is not taken.
    """
    from archdsl.train.initial import start_from, weights_at

    found = start_from(module, weights_at(init))
    if talks:
        click.echo(_text(found))
    if strict and not found.is_whole:
        lacking = [*found.other_shape, *found.lacking]
        headline = f"{found.file} lacks {len(lacking)} tensors of the network, `{lacking[0]}` first"
        raise SpecError(
            [Diagnostic("ARCH913", headline, help="--init without --init-strict takes what fits")]
        )
    return found.recorded()


def start_again(module: nn.Module, recorded: Any, folder: Path) -> None:
    """Starts a run anew that was killed before its first checkpoint, from the same weights."""
    from archdsl.runs.manifest import refuse_differences
    from archdsl.train.folder import RunFolder
    from archdsl.train.initial import start_from

    if not isinstance(recorded, dict) or RunFolder(folder).checkpoints.steps():
        return
    file = Path(str(recorded.get("file")))
    if not file.is_file() or start_from(module, file).recorded() != recorded:
        refuse_differences(folder, [f"{file}, whose weights it started from, is another file or gone"])


def _text(found: Start) -> str:
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
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            lines.append(f"  {what}: {', '.join(names[:_SHOWN])}{more}")
    return "\n".join(lines)


def _sizes(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"
