"""Losses of semantic segmentation over pixels that are not ignored.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)

from archdsl.data.dataset import IGNORE

Loss = Literal["ohem", "cross_entropy"]


def cross_entropy(logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor) -> torch.Tensor:
    """The mean over pixels that are not ignored; zero, with a gradient, where there are none."""
    losses_BHW = _per_pixel(logits_BKHW, masks_BHW)
    return losses_BHW.sum() / (masks_BHW != IGNORE).sum().clamp(min=1)


def ohem(
    logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor, threshold: float = 0.7, kept: int | None = None
) -> torch.Tensor:
    """Cross-entropy of hard pixels: those whose own class has at most probability `threshold`.

    If these are fewer than `kept` (by default a sixteenth of all pixels), the `kept` hardest pixels count;
    if fewer pixels than that are labelled at all, every labelled one.  As in FasterSeg (ICLR 2020), whose
    code sorts all pixels; the value is the same.
    """
    losses_BHW = _per_pixel(logits_BKHW, masks_BHW)
    valid_BHW = masks_BHW != IGNORE
    with torch.no_grad():
        hard_BHW = valid_BHW & _hard(losses_BHW, valid_BHW, threshold, kept)
    return losses_BHW.where(hard_BHW, 0).sum() / hard_BHW.sum().clamp(min=1)


def loss_named(name: Loss, logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor) -> torch.Tensor:
    """The loss of that name with its usual settings."""
    return {"ohem": ohem, "cross_entropy": cross_entropy}[name](logits_BKHW, masks_BHW)


def _per_pixel(logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each pixel, in single precision at least; zero where ignored."""
    exact = logits_BKHW if logits_BKHW.dtype == torch.float64 else logits_BKHW.float()
    return F.cross_entropy(exact, masks_BHW.long(), ignore_index=IGNORE, reduction="none")


def _hard(
    losses_BHW: torch.Tensor, valid_BHW: torch.Tensor, threshold: float, kept: int | None
) -> torch.Tensor:
    kept = losses_BHW.numel() // 16 if kept is None else kept
    probability_BHW = torch.exp(-losses_BHW)  # of the true class; 1 where ignored
    if kept > int(valid_BHW.sum()):
        return valid_BHW
    below_BHW = ~(probability_BHW > threshold)  # so that what is no number stays in the loss, and is noticed
    if int(below_BHW.sum()) >= kept:
        return below_BHW
    hardest = probability_BHW.flatten().topk(kept, largest=False, sorted=False).values
    return ~(probability_BHW > hardest.max())
