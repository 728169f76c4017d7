"""The CamVid recipe of the lightweight family, with images and augmentation on the device.

Facts of the recipe (read in the public code of FBSNet, LMFFNet, ECMNet and DABNet): training and validation
images together, 1,000 epochs at 360 × 480, Adam 1e-3 with weight decay 2e-4, a polynomial schedule of power
0.9 behind a linear warm-up, scales of 0.75 to 2.0 and mirroring, cross-entropy with class weights
1 / ln(1.10 + p), no OHEM, no average of weights, the last checkpoint.

Shapes: N images of the dataset, B of a batch, K classes, H × W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
from torch import nn

from archdsl.data.channels import MEAN, STD
from archdsl.data.dataset import IGNORE, Dataset
from archdsl.runs.checkpoints import Keeper
from archdsl.train.evaluation import at_size
from archdsl.train.metrics import Confusion

_CHECKPOINT_EPOCHS = 25
_WEIGHTING = 1.10
"""c of the class weights 1 / ln(c + p), where p is a class's share of the labelled pixels."""


@dataclass(frozen=True)
class LightweightRecipe:
    """`size` is (height, width) of the crops."""

    size: tuple[int, int]
    epochs: int = 1000
    batch: int = 16
    lr: float = 1e-3
    weight_decay: float = 2e-4
    power: float = 0.9
    warmup_steps: int = 500
    scale: tuple[float, float] = (0.75, 2.0)
    amp: torch.dtype | None = None
    seed: int = 0

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0; the warm-up takes at most a tenth of all steps."""
        warmup = min(self.warmup_steps, steps // 10)
        if step < warmup:
            return self.lr * (step + 1) / warmup
        return self.lr * (1 - (step - warmup) / max(1, steps - warmup)) ** self.power


@dataclass(frozen=True, eq=False)
class OnDevice:
    """A whole dataset in the device's memory: images normalised when they are drawn, labels as bytes."""

    images_N3HW: torch.Tensor
    masks_N1HW: torch.Tensor
    classes: int

    @classmethod
    def of(cls, dataset: Dataset, device: torch.device) -> OnDevice:
        """Reads every sample; all have to have one size."""
        samples = [dataset[i] for i in range(len(dataset))]
        images = torch.from_numpy(np.stack([sample.image for sample in samples]))
        masks = torch.from_numpy(np.stack([sample.mask for sample in samples]))
        images_N3HW = images.permute(0, 3, 1, 2).contiguous().to(device)
        return cls(images_N3HW, masks[:, None].to(device), len(dataset.classes))

    def __len__(self) -> int:
        return len(self.images_N3HW)

    def class_weights(self) -> torch.Tensor:
        """1 / ln(c + p) by class (ENet, arXiv:1606.02147, section 5.2, with c = 1.10)."""
        counts = torch.bincount(self.masks_N1HW.flatten().int(), minlength=IGNORE + 1)[: self.classes]
        share = counts.double() / counts.sum().clamp(min=1)
        return (1 / torch.log(_WEIGHTING + share)).float()

    def batch(self, recipe: LightweightRecipe, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (B × 3 × H × W, float32, normalised) and labels (B × H × W) of a step.

        A function of seed and step alone on a device, so that a resumed run sees what an uninterrupted one
        does.  Scaled, cropped and mirrored; what lies outside of an image is the mean colour, and ignored.
        """
        epoch, within = divmod(step, self.steps_per_epoch(recipe))
        order = np.random.default_rng((recipe.seed, epoch)).permutation(len(self))
        picked = [order[(within * recipe.batch + n) % len(order)] for n in range(recipe.batch)]
        chosen = torch.from_numpy(np.array(picked)).to(self.images_N3HW.device)
        grid = self._windows(recipe, np.random.default_rng((recipe.seed, step, 1)))
        images_B3HW = _normalised(self.images_N3HW[chosen])
        masks_B1HW = self.masks_N1HW[chosen].float() - IGNORE  # zero, as the padding is, where ignored
        images_B3HW = F.grid_sample(images_B3HW, grid, mode="bilinear", align_corners=False)
        masks_B1HW = F.grid_sample(masks_B1HW, grid, mode="nearest", align_corners=False)
        return images_B3HW, (masks_B1HW[:, 0] + IGNORE).long()

    def steps_per_epoch(self, recipe: LightweightRecipe) -> int:
        return max(1, len(self) // recipe.batch)

    def _windows(self, recipe: LightweightRecipe, rng: np.random.Generator) -> torch.Tensor:
        """Where each pixel of the crops is read, in the images' coordinates from -1 to 1."""
        theta = np.zeros((recipe.batch, 2, 3), np.float32)
        scales = rng.uniform(*recipe.scale, recipe.batch)
        for axis, (wanted, full) in enumerate(
            zip(reversed(recipe.size), reversed(self.masks_N1HW.shape[-2:]), strict=True)
        ):
            extent = wanted / (full * scales)  # of the crop, where the image is 1
            theta[:, axis, axis] = extent
            theta[:, axis, 2] = rng.uniform(-1, 1, recipe.batch) * np.abs(1 - extent)
        theta[:, 0, 0] *= rng.choice((-1, 1), recipe.batch)
        size = [recipe.batch, 1, *recipe.size]
        return F.affine_grid(torch.from_numpy(theta).to(self.images_N3HW.device), size, align_corners=False)


def train(
    module: nn.Module, data: OnDevice, recipe: LightweightRecipe, folder: Path,
    stop: Callable[[], bool], report: Callable[[int, int, float], None] = lambda *_: None,
) -> bool:  # fmt: skip
    """Trains `module` in place; returns whether the end was reached, or `stop` ended it with a checkpoint.

    Goes on from the newest checkpoint in `folder`.  `report` gets step, steps and the loss of each epoch.
    """
    optimiser = torch.optim.Adam(module.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    weights = data.class_weights()
    steps = recipe.epochs * data.steps_per_epoch(recipe)
    keeper = Keeper(folder)
    module.train()
    for step in range(_restored(keeper, module, optimiser), steps):
        if stop():
            keeper.save(step, _state(module, optimiser))
            return False
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate(step, steps)
        torch.manual_seed(recipe.seed * 1_000_003 + step)  # dropout: a resumed run draws the same
        images_B3HW, masks_BHW = data.batch(recipe, step)
        with precision(images_B3HW.device, recipe.amp):
            logits_BKHW = module(images_B3HW)
        logits_BKHW = at_size(logits_BKHW, recipe.size).float()
        loss = F.cross_entropy(logits_BKHW, masks_BHW, weights, ignore_index=IGNORE)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        optimiser.step()
        if (step + 1) % data.steps_per_epoch(recipe) == 0:
            _report_epoch(loss, step + 1, steps, report)
        if (step + 1) % (_CHECKPOINT_EPOCHS * data.steps_per_epoch(recipe)) == 0:
            keeper.save(step + 1, _state(module, optimiser))
    keeper.save(steps, _state(module, optimiser))
    return True


@torch.inference_mode()
def scored(module: nn.Module, data: OnDevice, size: tuple[int, int]) -> Confusion:
    """The confusion matrix over all images, padded to `size` with the mean colour."""
    module.eval()
    confusion = Confusion(data.classes)
    height, width = data.masks_N1HW.shape[-2:]
    for one, mask_1HW in zip(data.images_N3HW, data.masks_N1HW, strict=True):
        padded = F.pad(_normalised(one[None]), (0, size[1] - width, 0, size[0] - height))
        logits_1KHW = at_size(module(padded), size)[..., :height, :width]
        confusion.add(logits_1KHW.argmax(1), mask_1HW.long())
    return confusion


def _report_epoch(
    loss: torch.Tensor, step: int, steps: int, report: Callable[[int, int, float], None]
) -> None:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise ArithmeticError(f"the loss of step {step} is {value}")
    report(step, steps, value)


def _restored(keeper: Keeper, module: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    found = keeper.latest()
    if found is None:
        return 0
    step, state = found
    module.load_state_dict(state["module"])
    optimiser.load_state_dict(state["optimiser"])
    return step


def _state(module: nn.Module, optimiser: torch.optim.Optimizer) -> dict[Any, Any]:
    return {"module": dict(module.state_dict()), "optimiser": optimiser.state_dict()}


def _normalised(images_B3HW: torch.Tensor) -> torch.Tensor:
    mean, std = (torch.tensor(x, device=images_B3HW.device).view(3, 1, 1) * 255 for x in (MEAN, STD))
    return images_B3HW.float().sub_(mean).div_(std)


def precision(device: torch.device, amp: torch.dtype | None) -> AbstractContextManager[Any]:
    """Autocast to `amp`, or nothing where it is None."""
    return nullcontext() if amp is None else torch.autocast(device.type, amp)


class Both:
    """Two datasets of the same classes, one behind the other."""

    def __init__(self, first: Dataset, second: Dataset):
        self.first, self.second = first, second
        self.name, self.classes, self.colours = first.name, first.classes, first.colours

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, i: int) -> Any:
        return self.first[i] if i < len(self.first) else self.second[i - len(self.first)]

    def fingerprint(self) -> str:
        return f"{self.first.fingerprint()}+{self.second.fingerprint()}"


class Drives:
    """The samples of a dataset whose names begin, or do not begin, with one of some prefixes (its drives)."""

    def __init__(self, dataset: Dataset, prefixes: tuple[str, ...], inside: bool):
        self.dataset = dataset
        self.name, self.classes, self.colours = dataset.name, dataset.classes, dataset.colours
        self.kept = [i for i, name in enumerate(_names(dataset)) if name.startswith(prefixes) == inside]

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, i: int) -> Any:
        return self.dataset[self.kept[i]]

    def fingerprint(self) -> str:
        return f"{self.dataset.fingerprint()} {len(self)} samples"


def _names(dataset: Dataset) -> Iterator[str]:
    for i in range(len(dataset)):
        yield dataset[i].name
