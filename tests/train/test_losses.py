"""Losses, against their definitions written as loops and sorts."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from archdsl.train.losses import cross_entropy, ohem


def scene(seed: int, ignored: float = 0.2, sharpness: float = 3.0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    masks_BHW = torch.randint(0, 5, (2, 12, 16), generator=draw)
    logits_BKHW = torch.randn(2, 5, 12, 16, generator=draw, dtype=torch.float64)
    logits_BKHW += sharpness * F.one_hot(masks_BHW, 5).permute(0, 3, 1, 2)
    masks_BHW[torch.rand(masks_BHW.shape, generator=draw) < ignored] = 255
    return logits_BKHW.requires_grad_(), masks_BHW


def by_sorting(
    logits_BKHW: torch.Tensor, masks_BHW: torch.Tensor, threshold: float, kept: int
) -> torch.Tensor:
    """The definition: all pixels sorted by the probability of their class, ignored ones with 1."""
    valid = masks_BHW != 255
    safe = masks_BHW.where(valid, 0)
    p = logits_BKHW.softmax(1).gather(1, safe[:, None])[:, 0].where(valid, 1.0)
    losses = F.cross_entropy(logits_BKHW, safe, reduction="none")
    if kept > valid.sum():
        return losses[valid].mean()
    at = p.flatten().sort().values[min(p.numel(), kept) - 1]
    return losses[valid & (p <= max(threshold, float(at.detach())))].mean()


@pytest.mark.parametrize("sharpness", [-3.0, 1.0, 6.0, 12.0])
@pytest.mark.parametrize("kept", [1, 24, 100, 300, 384])
def test_ohem_is_that_of_the_sorting_definition_with_its_gradient(sharpness: float, kept: int):
    for seed in range(5):
        logits, masks = scene(seed, sharpness=sharpness)
        found, wanted = ohem(logits, masks, 0.7, kept), by_sorting(logits, masks, 0.7, kept)
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)
        slopes = [torch.autograd.grad(loss, logits)[0] for loss in (found, wanted)]
        torch.testing.assert_close(*slopes, rtol=1e-10, atol=1e-15)


def test_ohem_keeps_a_sixteenth_of_the_pixels_unless_told_otherwise():
    logits, masks = scene(3, sharpness=12.0)
    assert ohem(logits, masks) == ohem(logits, masks, 0.7, 2 * 12 * 16 // 16)
    assert ohem(logits, masks) != ohem(logits, masks, 0.7, 100)


def test_cross_entropy_is_the_mean_over_pixels_that_are_not_ignored():
    logits, masks = scene(1)
    wanted = -torch.stack(
        [
            logits[b, :, y, x].log_softmax(0)[masks[b, y, x]]
            for b in range(2) for y in range(12) for x in range(16)
            if masks[b, y, x] != 255
        ]
    ).mean()  # fmt: skip
    torch.testing.assert_close(cross_entropy(logits, masks), wanted)


@pytest.mark.parametrize("loss", [cross_entropy, ohem])
def test_where_every_pixel_is_ignored_the_loss_is_zero_and_has_a_gradient(loss):
    logits, masks = scene(0, ignored=1.0)
    value = loss(logits, masks)
    value.backward()
    assert value == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("loss", [cross_entropy, ohem])
def test_a_logit_that_is_no_number_shows_in_the_loss(loss):
    logits, masks = scene(0, ignored=0.0)
    logits.data[0, 2, 3, 4] = float("nan")
    assert loss(logits, masks).isnan()


@pytest.mark.parametrize("loss", [cross_entropy, ohem])
def test_losses_of_half_precision_logits_are_computed_in_single(loss):
    logits, masks = scene(2)
    halves = logits.detach().to(torch.bfloat16)
    assert loss(halves, masks).dtype == torch.float32
    assert loss(halves, masks.to(torch.uint8)) == loss(halves.float(), masks)
