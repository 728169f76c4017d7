"""Batches are a pure function of seed and step; augmentation keeps labels where their pixels are."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from datasets import Numbered, image_of, labels

from archdsl.data import IGNORE, Augmentation, Batches, Sample, prefetched, whole
from archdsl.data.augmentation import augmented, recoloured
from archdsl.data.channels import MEAN, STD
from archdsl.diagnostics import SpecError

PLAIN = Augmentation(crop=None, scale=None, flip=False)
FULL = Augmentation(crop=(5, 7), colour=0.4)


def numbers(batches: Batches, step: int) -> list[int]:
    return batches.batch(step).masks_BHW[:, 0, 0].tolist()


def test_the_same_step_gives_the_same_batch():
    first, second = (Batches(Numbered(9), 4, FULL, seed=3) for _ in range(2))
    first.batch(0), first.batch(1)  # what was asked before makes no difference
    a, b = first.batch(7), second.batch(7)
    assert torch.equal(a.images_B3HW, b.images_B3HW)
    assert torch.equal(a.masks_BHW, b.masks_BHW)


def test_another_seed_or_step_gives_another_batch():
    a, b = (Batches(Numbered(50), 8, PLAIN, seed) for seed in (0, 1))
    assert numbers(a, 0) != numbers(b, 0)
    assert numbers(a, 0) != numbers(a, 1)


def test_an_epoch_shows_every_image_once_and_the_next_in_another_order():
    batches = Batches(Numbered(12), 4, PLAIN, seed=0)
    epochs = [[i for step in steps for i in numbers(batches, step)] for steps in (range(3), range(3, 6))]
    assert batches.steps_per_epoch == 3
    assert [sorted(epoch) for epoch in epochs] == [list(range(12))] * 2
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_the_batch_that_one_would_have(world):
    alone = Batches(Numbered(20), 8, FULL, seed=5).batch(3)
    shares = [Batches(Numbered(20), 8, FULL, 5, rank, world).batch(3) for rank in range(world)]
    for rank, share in enumerate(shares):
        assert torch.equal(share.images_B3HW, alone.images_B3HW[rank::world])
        assert torch.equal(share.masks_BHW, alone.masks_BHW[rank::world])


def test_a_dataset_smaller_than_a_batch_repeats_its_images():
    batches = Batches(Numbered(3), 8, PLAIN, seed=0)
    assert batches.steps_per_epoch == 1
    assert set(numbers(batches, 0)) == {0, 1, 2}


def test_a_batch_that_cannot_be_dealt_out_is_refused():
    with pytest.raises(SpecError, match=r"ARCH906.*batch of 3.*2 processes"):
        Batches(Numbered(3), 3, PLAIN, seed=0, world=2)


def test_images_are_normalised_and_labels_are_whole_numbers():
    batch = Batches(Numbered(1), 1, PLAIN, seed=0).batch(0)
    black = [-mean / std for mean, std in zip(MEAN, STD, strict=True)]
    assert batch.images_B3HW.dtype == torch.float32
    assert batch.masks_BHW.dtype == torch.int64
    assert batch.images_B3HW[0, :, 0, 0].tolist() == pytest.approx(black)


def test_images_of_several_sizes_are_stacked_by_crops_alone():
    class Uneven(Numbered):
        def __getitem__(self, i: int) -> Sample:
            self.size = (6 + i, 8)
            return super().__getitem__(i)

    with pytest.raises(SpecError, match=r"ARCH905.*6 × 8 and 7 × 8"):
        Batches(Uneven(2), 2, PLAIN, seed=0).batch(0)
    cropped = Batches(Uneven(2), 2, Augmentation(crop=(4, 5)), seed=0).batch(0)
    assert cropped.images_B3HW.shape == (2, 3, 4, 5)


def test_an_image_for_evaluation_is_resized_and_its_labels_are_not():
    batch = whole(Numbered(2), 1, size=(3, 4))
    assert batch.images_B3HW.shape == (1, 3, 3, 4)
    assert batch.masks_BHW.shape == (1, 6, 8)
    assert whole(Numbered(2), 1).images_B3HW.shape == (1, 3, 6, 8)


# ---------------------------------------------------------------- augmentation


def blocks() -> Sample:
    """Areas of 16 × 16 pixels of one label each."""
    mask = np.kron(labels(9, size=(4, 6)), np.ones((16, 16), np.uint8))
    return Sample(image_of(mask), mask, "blocks")


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("crop", [(40, 40), (64, 96), (100, 30)])
def test_labels_stay_with_their_pixels(crop, seed):
    found = augmented(blocks(), Augmentation(crop), np.random.default_rng(seed))
    image, mask = found.image, found.mask
    inside = mask != IGNORE
    assert image.shape == (*crop, 3)
    assert mask.shape == crop
    agree = np.rint(image[..., 0] / 10)[inside] == mask[inside]
    assert agree.mean() > 0.75  # the image is blended where areas meet


def test_what_is_outside_of_the_image_is_the_mean_colour_and_ignored():
    found = augmented(blocks(), Augmentation((100, 200), None), np.random.default_rng(0))
    image, mask = found.image, found.mask
    outside = mask == IGNORE
    assert outside.sum() == 100 * 200 - 64 * 96
    assert np.unique(image[outside], axis=0).tolist() == [[124, 116, 104]]


def test_a_crop_without_scale_is_a_part_of_the_image():
    sample = blocks()
    found = augmented(sample, Augmentation((20, 30), None, flip=False), np.random.default_rng(2))
    image, mask = found.image, found.mask
    places = [
        (y, x) for y in range(45) for x in range(67)
        if (sample.image[y : y + 20, x : x + 30] == image).all()
    ]  # fmt: skip
    assert places
    y, x = places[0]
    assert (sample.mask[y : y + 20, x : x + 30] == mask).all()


def test_scales_cover_the_range_they_are_drawn_from():
    how = Augmentation((16, 16), scale=(0.5, 2.0), flip=False)
    sample = Sample(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8), "small")
    seen = {
        int((augmented(sample, how, np.random.default_rng(seed)).mask != IGNORE).sum()) for seed in range(200)
    }
    assert min(seen) <= 5 * 5
    assert max(seen) >= 15 * 15


def test_half_of_the_images_are_flipped_and_their_labels_with_them():
    sample = blocks()
    found = [augmented(sample, Augmentation(None, None), np.random.default_rng(seed)) for seed in range(60)]
    flipped = [one.mask for one in found if (one.mask == sample.mask[:, ::-1]).all()]
    assert 15 < len(flipped) < 45
    assert all((one.image[..., 1] == one.mask).all() for one in found)


def test_colours_change_as_told():
    image = blocks().image
    assert (recoloured(image, 1, 1, 1) == image).all()
    grey = recoloured(image, 1, 1, 0)
    assert (grey[..., 0] == grey[..., 2]).all()
    assert recoloured(image, 1, 0, 1).std(axis=(0, 1)).max() < image.std(axis=(0, 1)).max()
    assert (recoloured(image, 0, 1, 1) == 0).all()


# ---------------------------------------------------------------- made ahead


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_made_ahead_come_in_order_and_are_the_same(workers):
    batches = Batches(Numbered(20), 4, FULL, seed=1)
    got = list(prefetched(batches, 2, 9, workers))
    assert [step for step, _ in got] == list(range(2, 9))
    assert all(torch.equal(b.images_B3HW, batches.batch(step).images_B3HW) for step, b in got)


def test_threads_end_when_the_iteration_is_left():
    running = prefetched(Batches(Numbered(20), 4, FULL, seed=1), 0, 1000)
    next(running)
    running.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("batches")]


def test_an_error_in_a_thread_arrives_where_batches_are_read():
    class Broken(Numbered):
        def __getitem__(self, i: int) -> Sample:
            raise LookupError(i)

    with pytest.raises(LookupError):
        list(prefetched(Batches(Broken(4), 2, PLAIN, seed=0), 0, 3))
    assert not [t for t in threading.enumerate() if t.name.startswith("batches")]


def test_threads_compute_alone_and_leave_those_of_the_network_as_they_are():
    def threads_of_another() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result()

    class Watched(Numbered):
        def __getitem__(self, i: int) -> Sample:
            seen.add(torch.get_num_threads())
            return super().__getitem__(i)

    seen: set[int] = set()
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        list(prefetched(Batches(Watched(8), 4, PLAIN, seed=0), 0, 4, workers=2))
        assert seen == {1}
        assert (torch.get_num_threads(), threads_of_another()) == (3, 3)
    finally:
        torch.set_num_threads(before)
