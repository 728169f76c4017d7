"""Batches of images and targets, a pure function of seed and step, so that resumed runs are identical.

Shapes: B images, H × W pixels; 3 stands for the number of channels of the images.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Collection, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archdsl.data.augmentation import Augmentation, augmented
from archdsl.data.channels import Pixels, mean_and_deviation, resampled
from archdsl.data.dataset import Dataset, Sample
from archdsl.data.maps import MapKind, kind_of, resized_map
from archdsl.data.targets import EDGES, LABELS, edge_width_of, edges
from archdsl.diagnostics import Diagnostic, SpecError

if TYPE_CHECKING:
    import torch

B = TypeVar("B", covariant=True)

_ORDER, _CHANGE = 0, 1
"""Streams of random numbers: the order of the samples, and their augmentation."""


@dataclass(frozen=True)
class Batch:
    """A batch of images with their labels and other targets.

    `images_B3HW` is float32, normalized by ImageNet's mean and standard deviation; images have one, three or
    four channels (`archdsl.data.channels`), followed by the channels of the maps that are inputs of the
    network, normalized (`MapKind.normalisation`), 0 where unknown. `masks_BHW` has class ids or `IGNORE`,
    int64. `maps` are the other targets by name, edges and maps: B × H × W, float32, NaN where unknown.
    """

    images_B3HW: torch.Tensor
    masks_BHW: torch.Tensor
    maps: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def targets(self, device: torch.device) -> dict[str, torch.Tensor]:
        """All targets by name, labels, edges and maps, moved to a device."""
        whole = {LABELS: self.masks_BHW, **self.maps}
        return {name: target_BHW.to(device, non_blocking=True) for name, target_BHW in whole.items()}


class Batches:
    """The batches of process `rank` of `world` processes; `batch` is the total batch size of all processes.

    The samples of a step do not depend on `world`: process `rank` gets those at positions rank, rank + world,
    …. Raises SpecError (ARCH906) if the batch size is not divisible by `world`.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch: int,
        augmentation: Augmentation,
        seed: int,
        rank: int = 0,
        world: int = 1,
        targets: Collection[str] = (),
        inputs: Sequence[str] = (),
    ):
        """`targets` are names of targets other than labels: edges and maps; `inputs` are names of maps.

        The maps `inputs` are appended to the images as further channels.
        """
        if batch < 1 or batch % world:
            headline = f"a batch of {batch} is not divisible by {world} processes"
            raise SpecError([Diagnostic("ARCH906", headline, help="set `batch` to a multiple of them")])
        self.dataset, self.augmentation, self.seed = dataset, augmentation, seed
        self.size, self.rank, self.world = batch, rank, world
        self.wanted, self.inputs = targets, inputs
        self.steps_per_epoch = max(1, len(dataset) // batch)

    def reading(self, inputs: Sequence[str]) -> Batches:
        """A copy whose images have the maps `inputs` as further channels."""
        found = copy.copy(self)
        found.inputs = inputs
        return found

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 0. Raises SpecError (ARCH902 to ARCH905) for bad files."""
        epoch, within = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng((_ORDER, self.seed, epoch)).permutation(len(self.dataset))
        kinds = [kind_of(self.dataset, name) for name in self.inputs]
        means = {kind.name: kind.normalisation[0] for kind in kinds if kind.channels != 1}
        samples = []
        for position in range(self.rank, self.size, self.world):
            sample = self.dataset[int(order[(within * self.size + position) % len(order)])]
            rng = np.random.default_rng((_CHANGE, self.seed, step, position))
            samples.append(augmented(sample, self.augmentation, rng, means))
        return _stacked(samples, self.wanted, self.dataset, self.inputs)


def whole(
    dataset: Dataset, i: int, size: tuple[int, int] | None = None, targets: Collection[str] = (),
    inputs: Sequence[str] = (),
) -> Batch:  # fmt: skip
    """A batch of the single sample `i` without augmentation.

    The image and the maps `inputs` are resized to `size` (height, width), if set; labels and the maps
    `targets` keep their size. `targets` and `inputs` are names as in `Batches`.
    """
    sample = dataset[i]
    image, maps = sample.image, {name: sample.maps[name] for name in inputs}
    if size is not None and size != image.shape[:2]:
        image = resampled(image, size, Image.Resampling.BILINEAR)
        maps = {name: resized_map(values, size) for name, values in maps.items()}
    images_B3HW = _with_maps(_normalised([image]), [maps], inputs, dataset)
    return Batch(images_B3HW, _ids([sample.mask]), _maps([sample], targets, edge_width_of(dataset)))


class Stepwise(Protocol[B]):
    """An object with `batch(step)`, the batch of a step, counted from 0."""

    @property
    def steps_per_epoch(self) -> int: ...

    def batch(self, step: int) -> B: ...


def prefetched(
    batches: Stepwise[B], first_step: int, last_step: int, workers: int = 1
) -> Generator[tuple[int, B], None, None]:
    """Yields (step, batch) for the steps first_step to last_step - 1; threads prefetch the batches.

    The threads end when the iteration ends, also by `close` or an exception.
    """
    import torch

    steps = iter(range(first_step, last_step))
    # A thread that computes in parallel has a team of OpenMP threads of its own.  As soon as all teams
    # together are larger than the processor, OpenMP stops waiting actively in every one of them, and a
    # step of a network of small layers takes 2.4 times as long.
    pool = ThreadPoolExecutor(
        workers, thread_name_prefix="batches", initializer=torch.set_num_threads, initargs=(1,)
    )
    try:
        ahead = deque((step, pool.submit(batches.batch, step)) for step in islice(steps, workers + 1))
        while ahead:
            step, future = ahead.popleft()
            batch = future.result()
            ahead.extend((step, pool.submit(batches.batch, step)) for step in islice(steps, 1))
            yield step, batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(torch.get_num_threads())  # of threads that start later: it is 1 now


def _stacked(
    samples: list[Sample], targets: Collection[str], dataset: Dataset, inputs: Sequence[str]
) -> Batch:
    sizes = {sample.mask.shape for sample in samples}
    if len(sizes) > 1:
        shapes = " and ".join(f"{h} × {w}" for h, w in sorted(sizes)[:3])
        raise SpecError(
            [Diagnostic("ARCH905", f"images of {shapes} in one batch", help="set `crop = [height, width]`")]
        )
    images, masks = [sample.image for sample in samples], [sample.mask for sample in samples]
    images_B3HW = _with_maps(_normalised(images), [sample.maps for sample in samples], inputs, dataset)
    return Batch(images_B3HW, _ids(masks), _maps(samples, targets, edge_width_of(dataset)))


def _with_maps(
    images_B3HW: torch.Tensor, maps: Sequence[Mapping[str, NDArray[Any]]], inputs: Sequence[str],
    dataset: Dataset,
) -> torch.Tensor:  # fmt: skip
    """Appends maps, one mapping by name for each image, to images as further channels."""
    import torch

    layers = [_as_channels([own[name] for own in maps], kind_of(dataset, name)) for name in inputs]
    return torch.cat([images_B3HW, *layers], 1) if layers else images_B3HW


def _as_channels(maps: list[NDArray[Any]], kind: MapKind) -> torch.Tensor:
    """A map of several samples as normalized input channels, B × channels × H × W."""
    import torch

    if kind.channels != 1:
        return _normalised(maps, kind.normalisation)
    ((mean,), (std,)) = kind.normalisation
    values_B1HW = torch.from_numpy(np.stack(maps)[:, None])
    return ((values_B1HW - mean) / std).nan_to_num_()


def _maps(samples: list[Sample], targets: Collection[str], edge_width: int) -> dict[str, torch.Tensor]:
    """The targets other than labels, by name, B × H × W; edges are computed from the augmented labels."""
    import torch

    found = {}
    for name in targets:
        if name == EDGES:
            found[name] = [edges(sample.mask, edge_width) for sample in samples]
        elif name != LABELS:
            found[name] = [sample.maps[name] for sample in samples]
    return {name: torch.from_numpy(np.stack(values)) for name, values in found.items()}


def _normalised(
    images: list[Pixels], by: tuple[Sequence[float], Sequence[float]] | None = None
) -> torch.Tensor:
    import torch

    images_B3HW = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    by = by or mean_and_deviation(images_B3HW.shape[1])
    mean, std = (torch.tensor(x).view(-1, 1, 1) * 255 for x in by)
    return images_B3HW.contiguous().sub_(mean).div_(std)


def _ids(masks: list[Pixels]) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.stack(masks)).long()
