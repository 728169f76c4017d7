"""A small network, small scenes, and a run of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

import archdsl
from archdsl.data.dataset import Sample, Splits
from archdsl.program import Network
from archdsl.runs.processes import Processes
from archdsl.train.folder import RunFolder
from archdsl.train.loop import Training
from archdsl.train.recipe import Recipe, TrainProgress

SPEC = """arch 1

import conv_bn_relu from "std/ops.arch"

network Small(; classes = 3, width = 6, p = 0.2) {
  input image: [3, 16, 24]
  a = image -> conv_bn_relu(c = width, s = 2) -> dropout(p = p)
  b = a -> conv_bn_relu(c = 8)
  output logits = b -> conv(c = classes, k = 1, bias = true) -> upsample(like = image)
}
"""

ONE = Processes(0, 1, torch.device("cpu"))
RECIPE = Recipe(crop=(16, 24), epochs=3, batch=4, lr=0.05, seed=7, colour=0.1, checkpoint_every=3)


@dataclass(frozen=True)
class Stripes:
    """Images of three kinds of stripes, some of the pixels not labelled."""

    count: int
    name: str = "stripes"
    classes: tuple[str, ...] = ("red", "green", "blue")
    colours: tuple[tuple[int, int, int], ...] = ((255, 0, 0), (0, 255, 0), (0, 0, 255))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> Sample:
        draw = np.random.default_rng(i)
        mask = np.repeat(draw.integers(0, 3, (1, 8)), 3, axis=1).repeat(16, axis=0).astype(np.uint8)
        image = np.eye(3)[mask] * 200 + draw.integers(0, 50, (16, 24, 3))
        mask[draw.random(mask.shape) < 0.1] = 255
        return Sample(image.astype(np.uint8), mask, f"stripes_{i}")

    def fingerprint(self) -> str:
        return f"stripes {self.count}"


SPLITS = Splits(Stripes(18), Stripes(5))


def network(**settings: object) -> Network:
    found = archdsl.load("small.arch", text=SPEC).target(**settings)
    assert isinstance(found, Network)
    return found


def training(folder: Path, processes: Processes = ONE, p: float = 0.2, **changes: object) -> Training:
    recipe = replace(RECIPE, **changes)  # type: ignore[arg-type]
    torch.manual_seed(recipe.seed)
    return Training(network(p=p).module(), SPLITS, recipe, RunFolder(folder), processes, {"name": "Small"})


def silent(_now: TrainProgress) -> None:
    pass


class Killed(BaseException):
    """What stands for a kill: nothing is caught, nothing is saved."""


def killed_after(step: int, evaluating: bool = False) -> Callable[[TrainProgress], None]:
    """A report that ends the run at a step: when its line is written, or when it has been evaluated."""

    def report(now: TrainProgress) -> None:
        if now.step == step and (now.miou is not None) == evaluating:
            raise Killed

    return report
