"""Loss functions: of class predictions, binary maps and regression; pixels without a target are excluded.

Shapes: B images, K classes, H × W pixels. Targets of binary maps and regression are NaN where unknown.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)

from archdsl.data.dataset import IGNORE


def cross_entropy(
    logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor, weights_K: torch.Tensor | None = None
) -> torch.Tensor:
    """The mean cross-entropy over labelled pixels; a differentiable zero if no pixel is labelled.

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
    """Online hard example mining: the mean cross-entropy over hard pixels.

    A pixel is hard if its true class has a probability <= `threshold`, or if it is one of the `kept` pixels
    with the smallest probabilities (default: 1/16 of all pixels); all labelled pixels are, if there are fewer
    than `kept`. Results equal those of FasterSeg (ICLR 2020), whose code sorts all pixels. Class weights
    affect the mean, but not the selection.
    """
    losses_BHW = _per_pixel(logits_BKHW, masks_BHW)
    valid_BHW = masks_BHW != IGNORE
    with torch.no_grad():
        hard_BHW = valid_BHW & _hard(losses_BHW, valid_BHW, threshold, kept)
    if weights_K is None:
        return losses_BHW.where(hard_BHW, 0).sum() / hard_BHW.sum().clamp(min=1)
    return _weighted_mean(losses_BHW, _pixel_weights(masks_BHW, weights_K).where(hard_BHW, 0))


def bce(
    logits_B1HW: torch.Tensor, target_BHW: torch.Tensor, positive: float = 1.0, balanced: bool = False
) -> torch.Tensor:
    """The mean binary cross-entropy of logits; targets are from 0 to 1.

    Pixels with a target of 1 have the weight `positive`. With `balanced`, positive pixels (targets >= 0.5)
    are weighted by the fraction of negative pixels in the batch, and negative pixels by the fraction of
    positive ones: class-balanced cross-entropy (HED, arXiv:1504.06375, equation 2).
    """
    logits_BHW, known_BHW, exact_BHW = _of_map(logits_B1HW, target_BHW)
    losses_BHW = F.binary_cross_entropy_with_logits(
        logits_BHW, exact_BHW, reduction="none", pos_weight=logits_BHW.new_tensor(positive)
    )
    if balanced:
        positive_BHW = known_BHW & (exact_BHW >= 0.5)
        share = positive_BHW.sum() / known_BHW.sum().clamp(min=1)
        losses_BHW = losses_BHW * torch.where(positive_BHW, 1 - share, share)
    return _mean_of(losses_BHW, known_BHW)


def l1(values_B1HW: torch.Tensor, target_BHW: torch.Tensor) -> torch.Tensor:
    """The mean absolute error over pixels with a target."""
    values_BHW, known_BHW, exact_BHW = _of_map(values_B1HW, target_BHW)
    return _mean_of((values_BHW - exact_BHW).abs(), known_BHW)


def mse(values_B1HW: torch.Tensor, target_BHW: torch.Tensor) -> torch.Tensor:
    """The mean squared error over pixels with a target."""
    values_BHW, known_BHW, exact_BHW = _of_map(values_B1HW, target_BHW)
    return _mean_of((values_BHW - exact_BHW) ** 2, known_BHW)


def smooth_l1(values_B1HW: torch.Tensor, target_BHW: torch.Tensor, beta: float = 1.0) -> torch.Tensor:
    """The mean smooth L1 error (Fast R-CNN, arXiv:1504.08083, equation 3), quadratic for errors < `beta`."""
    values_BHW, known_BHW, exact_BHW = _of_map(values_B1HW, target_BHW)
    return _mean_of(F.smooth_l1_loss(values_BHW, exact_BHW, reduction="none", beta=beta), known_BHW)


def known(target_BHW: torch.Tensor) -> torch.Tensor:
    """The number of pixels with a target (not NaN), as a tensor."""
    return (~target_BHW.isnan()).sum()


def _of_map(
    output_B1HW: torch.Tensor, target_BHW: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The output in float32 or float64, B × H × W; which targets are known; and the targets, 0 where unknown.

    Unknown targets are replaced before any computation, since gradients of NaN are NaN.
    """
    exact_B1HW = output_B1HW if output_B1HW.dtype == torch.float64 else output_B1HW.float()
    known_BHW = ~target_BHW.isnan()
    return exact_B1HW[:, 0], known_BHW, target_BHW.to(exact_B1HW.dtype).where(known_BHW, 0)


def _mean_of(losses_BHW: torch.Tensor, known_BHW: torch.Tensor) -> torch.Tensor:
    """The mean of losses over pixels with a target; a differentiable zero without such pixels."""
    return losses_BHW.where(known_BHW, 0).sum() / known_BHW.sum().clamp(min=1)


def labelled(masks_BHW: torch.Tensor, weights_K: torch.Tensor | None = None) -> torch.Tensor:
    """The number of labelled pixels, or, with class weights, the sum of the weights of their classes."""
    if weights_K is None:
        return (masks_BHW != IGNORE).sum()
    return _pixel_weights(masks_BHW, weights_K).sum()


def _per_pixel(logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor) -> torch.Tensor:
    """The cross-entropy of each pixel, in float32 or float64; zero where ignored."""
    exact = logits_BKHW if logits_BKHW.dtype == torch.float64 else logits_BKHW.float()
    return F.cross_entropy(exact, masks_BHW.long(), ignore_index=IGNORE, reduction="none")


def _pixel_weights(masks_BHW: torch.Tensor, weights_K: torch.Tensor) -> torch.Tensor:
    """The weight of each pixel's class; zero where ignored."""
    valid_BHW = masks_BHW != IGNORE
    return weights_K[masks_BHW.long().where(valid_BHW, 0)].where(valid_BHW, 0)


def _weighted_mean(losses_BHW: torch.Tensor, weights_BHW: torch.Tensor) -> torch.Tensor:
    """The weighted mean of losses; zero if all weights are zero. Propagates NaN."""
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
