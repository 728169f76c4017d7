"""The loss that trains weights in a search.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

from typing import Any

import torch

from archdsl.spec.search_values import Term
from archdsl.train.losses import cross_entropy, ohem


def task_loss(
    term: Term, logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor, weights_K: torch.Tensor | None = None
) -> torch.Tensor:
    """`cross_entropy` or `ohem(threshold = …, kept = …)`, with optional class weights."""
    if term.name == "cross_entropy":
        return cross_entropy(logits_BKHW, masks_BHW, weights_K)
    given: dict[str, Any] = {k: v for k, v in term.settings.items() if k in ("threshold", "kept")}
    return ohem(logits_BKHW, masks_BHW, weights_K=weights_K, **given)
