"""A space as one trainable module (a supernet): muxes become weighted sums of their candidates.

Imported lazily, so that checking for a supernet does not import torch.
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
