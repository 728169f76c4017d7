"""What stops a run: a loss that is not finite, and too little memory."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archdsl.diagnostics import Diagnostic, SpecError

_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "bad_alloc")


class Diverged(SpecError):
    """A number that is none, or infinite (ARCH915): at `step`, first in `where`."""

    def __init__(self, step: int, where: str, last_good: Path | None):
        self.step, self.where = step, where
        kept = f"the last good checkpoint is {last_good}" if last_good else "no checkpoint was written yet"
        super().__init__(
            [
                Diagnostic(
                    "ARCH915",
                    f"step {step}: not a finite number, first in {where}",
                    help=f"{kept}; lower the learning rate, or warm up, or do without --amp",
                )
            ]
        )


def demand_finite(
    loss: float, step: int, module: nn.Module, rerun: Callable[[], Any], last_good: Path | None
) -> None:
    """Raises Diverged where the loss is not finite, with the place that `rerun`, a forward of it, shows."""
    if torch.tensor(loss).isfinite():
        return
    raise Diverged(step, first_non_finite(module, rerun) or "the loss", last_good)


def bad_parameter(module: nn.Module) -> str | None:
    """The first parameter or buffer that holds something else than finite numbers."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            return f"the weights `{name}`"
    return None


def first_non_finite(module: nn.Module, rerun: Callable[[], Any]) -> str | None:
    """Where numbers first go wrong: a parameter, or else the op whose output does when `rerun` runs.

    Running statistics of the module may change, and are not looked at, as the failed step changed them.
    """
    bad = (name for name, p in module.named_parameters() if not bool(p.isfinite().all()))
    found = [f"the weights `{name}`" for name in islice(bad, 1)]

    def look(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_layer: nn.Module, _inputs: Any, output: Any) -> None:
            if not found and isinstance(output, torch.Tensor) and not bool(output.isfinite().all()):
                found.append(f"the output of `{name}`")

        return hook

    leaves = [(name, layer) for name, layer in module.named_modules() if not list(layer.children())]
    hooks = [layer.register_forward_hook(look(name)) for name, layer in leaves]
    try:
        with torch.no_grad():
            rerun()
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch or Python ran out of memory, on a device or the machine."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)


def explain_memory(error: BaseException, last_good: Path | None = None) -> Diagnostic:
    """What to lower (ARCH916); `last_good` is the checkpoint to resume from."""
    kept = f"; nothing is lost: {last_good} stands, and --resume continues from it" if last_good else ""
    first = (str(error).splitlines() or ["no memory left"])[0][:160]
    return Diagnostic(
        "ARCH916",
        f"out of memory ({first})",
        help="lower the batch or the crop; a supernet also takes less with the sampler one_path, or with"
        f" gradient checkpointing{kept}",
    )
