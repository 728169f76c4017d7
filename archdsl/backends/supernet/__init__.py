"""Supernets: a space as one trainable module, in which muxes are weighted sums of their candidates.

Modules are imported lazily, so that testing whether a space has a supernet does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archdsl.backends.supernet.module import SuperNetwork, build

__all__ = ["SuperNetwork", "build"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from archdsl.backends.supernet import module

    return getattr(module, name)
