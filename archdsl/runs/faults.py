"""Faults that stop a run: non-finite losses and out of memory."""

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
    """An error (ARCH915) for NaN or infinite values at `step`; `where` names the first tensor with them."""

    def __init__(
        self, step: int, where: str, last_good: Path | None,
        advice: str = "lower the learning rate, use a warm-up, or disable --amp",
    ):  # fmt: skip
        self.step, self.where = step, where
        kept = f"the last good checkpoint is {last_good}" if last_good else "no checkpoint was written yet"
        super().__init__(
            [
                Diagnostic(
                    "ARCH915",
                    f"non-finite values at step {step}, first in {where}",
                    help=f"{kept}; {advice}",
                )
            ]
        )


def demand_finite(
    loss: float, step: int, module: nn.Module, rerun: Callable[[], Any], last_good: Path | None
) -> None:
    """Raises Diverged for a non-finite loss; `rerun` runs the forward pass again, to find its origin."""
    if torch.tensor(loss).isfinite():
        return
    raise Diverged(step, first_non_finite(module, rerun) or "the loss", last_good)


def bad_parameter(module: nn.Module) -> str | None:
    """A phrase that names the first parameter or buffer with non-finite values; None if all are finite."""
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            return f"the weights `{name}`"
    return None


def first_non_finite(module: nn.Module, rerun: Callable[[], Any]) -> str | None:
    """A phrase that names the origin of non-finite values: a parameter, or the output of a layer.

    None if all are finite. `rerun` runs the forward pass whose outputs are inspected, which may change
    running statistics of the module. These are not inspected, because the failed step has changed them
    already.
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
    """Whether an exception was raised because the device or the host is out of memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)


def explain_memory(error: BaseException, last_good: Path | None = None) -> Diagnostic:
    """The diagnostic ARCH916 for an out-of-memory exception; `last_good` is the checkpoint to resume from."""
    kept = f"; --resume continues from {last_good}" if last_good else ""
    first = (str(error).splitlines() or ["no memory left"])[0][:160]
    return Diagnostic(
        "ARCH916",
        f"out of memory ({first})",
        help=(
            "reduce the batch or crop size; for a supernet, also use the sampler one_path, or "
            f"gradient checkpointing{kept}"
        ),
    )
