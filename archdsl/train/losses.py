"""Losses of semantic segmentation, excluding ignored pixels.

Shapes: B images, K classes, H × W pixels.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)

from archdsl.data.dataset import IGNORE

Loss = Literal["ohem", "cross_entropy"]


def cross_entropy(
    logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor, weights_K: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean cross-entropy over labelled pixels; a differentiable zero if there are none.

    `weights_K` are class weights.
    """
    losses_BHW = _per_pixel(logits_BKHW, masks_BHW)
    if weights_K is None:
        return losses_BHW.sum() / (masks_BHW != IGNORE).sum().clamp(min=1)
    return _weighted_mean(losses_BHW, _pixel_weights(masks_BHW, weights_K))


def ohem(
    logits_BKHW: torch.Tensor,
    masks_BHW: torch.Tensor,
    threshold: float = 0.7,
    kept: int | None = None,
    weights_K: torch.Tensor | None = None,
) -> torch.Tensor:
    """Online hard example mining: cross-entropy of pixels whose true class has probability <= `threshold`.

    At least the `kept` hardest pixels count (default: 1/16 of all pixels), or all labelled ones if fewer.  As
    in FasterSeg (ICLR 2020), whose code sorts all pixels, with equal results.  Class weights do not affect
    the selection, only the mean.
    """
    losses_BHW = _per_pixel(logits_BKHW, masks_BHW)
    valid_BHW = masks_BHW != IGNORE
    with torch.no_grad():
        hard_BHW = valid_BHW & _hard(losses_BHW, valid_BHW, threshold, kept)
    if weights_K is None:
        return losses_BHW.where(hard_BHW, 0).sum() / hard_BHW.sum().clamp(min=1)
    return _weighted_mean(losses_BHW, _pixel_weights(masks_BHW, weights_K).where(hard_BHW, 0))


def loss_named(
    name: Loss, logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor, weights_K: torch.Tensor | None = None
) -> torch.Tensor:
    """The loss with that name and default settings, with optional class weights."""
    if name == "ohem":
        return ohem(logits_BKHW, masks_BHW, weights_K=weights_K)
    return cross_entropy(logits_BKHW, masks_BHW, weights_K)


def labelled(masks_BHW: torch.Tensor, weights_K: torch.Tensor | None = None) -> torch.Tensor:
    """The number of labelled pixels, or the sum of their weights."""
    if weights_K is None:
        return (masks_BHW != IGNORE).sum()
    return _pixel_weights(masks_BHW, weights_K).sum()


def _per_pixel(logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each pixel, in float32 or higher; zero where ignored."""
    exact = logits_BKHW if logits_BKHW.dtype == torch.float64 else logits_BKHW.float()
    return F.cross_entropy(exact, masks_BHW.long(), ignore_index=IGNORE, reduction="none")


def _pixel_weights(masks_BHW: torch.Tensor, weights_K: torch.Tensor) -> torch.Tensor:
    """The weight of each pixel's class; zero where ignored."""
    valid_BHW = masks_BHW != IGNORE
    return weights_K[masks_BHW.long().where(valid_BHW, 0)].where(valid_BHW, 0)


def _weighted_mean(losses_BHW: torch.Tensor, weights_BHW: torch.Tensor) -> torch.Tensor:
    """The weighted mean; zero if all weights are zero.  Propagates NaN."""
    return (losses_BHW * weights_BHW).sum() / weights_BHW.sum().clamp(min=torch.finfo(torch.float32).tiny)


def _hard(
    losses_BHW: torch.Tensor, valid_BHW: torch.Tensor, threshold: float, kept: int | None
) -> torch.Tensor:
    kept = losses_BHW.numel() // 16 if kept is None else kept
    probability_BHW = torch.exp(-losses_BHW)  # of the true class; 1 where ignored
    if kept > int(valid_BHW.sum()):
        return valid_BHW
    below_BHW = ~(probability_BHW > threshold)  # propagates NaN
    if int(below_BHW.sum()) >= kept:
        return below_BHW
    hardest = probability_BHW.flatten().topk(kept, largest=False, sorted=False).values
    return ~(probability_BHW > hardest.max())
