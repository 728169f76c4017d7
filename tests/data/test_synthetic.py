"""Generated streets: the same on every machine, all classes in them, none of them easy."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from archdsl.data import IGNORE, check_data, open_data
from archdsl.data.scene.street import draw


@pytest.fixture(scope="module")
def scenes():
    return open_data("synthetic", {"images": 48}).train


def test_the_settings_say_how_many_how_large_and_which():
    data = open_data("synthetic", {"images": 8, "size": (64, 128), "batch": 4})
    assert (len(data.train), len(data.val)) == (8, 2)
    assert data.train[7].image.shape == (64, 128, 3)
    assert data.train.classes == data.val.classes
    assert data.train.classes[3] == "road"
    assert len(open_data("synthetic", {"images": 8, "split": 0.5}).val) == 4


def test_scenes_are_the_same_on_every_machine():
    """Where this fails after a change of the drawing, count `_DRAWING` up and write the new figure."""
    image, mask, _ = draw(64, 128, np.random.default_rng(0))
    assert hashlib.sha256(image.tobytes() + mask.tobytes()).hexdigest()[:16] == "5de2e953c8584967"


def test_scenes_depend_on_seed_part_and_number_alone():
    def train(**settings):
        return open_data("synthetic", settings).train

    backwards = train()
    backwards[1]
    assert (backwards[0].image == train(images=3)[0].image).all()
    assert (train(seed=1)[0].image != train()[0].image).any()
    assert (open_data("synthetic", {}).val[0].image != train()[0].image).any()


def test_fingerprints_tell_settings_and_parts_apart():
    given = [{}, {"seed": 1}, {"images": 65}, {"size": (96, 128)}]
    prints = [open_data("synthetic", settings).train.fingerprint() for settings in given]
    assert len({*prints, open_data("synthetic", {}).val.fingerprint()}) == 5
    assert prints[0] == open_data("synthetic", {}).train.fingerprint()


def test_every_class_is_seen_and_the_rare_ones_are_small(scenes):
    counts = np.bincount(np.concatenate([s.mask.ravel() for s in scenes]), minlength=256)
    share = dict(zip(scenes.classes, counts / counts.sum(), strict=False))
    assert counts[len(scenes.classes) :].sum() == 0
    assert counts[IGNORE] == 0
    assert min(share.values()) > 0.001
    assert share["road"] > 0.2
    assert max(share[name] for name in ("sign", "pedestrian", "bicyclist", "pole")) < 0.03


def test_road_and_sidewalk_have_one_colour_and_only_their_place_tells_them_apart(scenes):
    """Averaged over scenes, the grey of the two is closer than it varies from scene to scene."""
    road, sidewalk = (
        np.array([s.image[s.mask == scenes.classes.index(name)].mean() for s in scenes])
        for name in ("road", "sidewalk")
    )
    assert abs(road.mean() - sidewalk.mean()) < min(road.std(), sidewalk.std())


def test_small_things_are_lost_at_a_quarter_of_the_resolution(scenes):
    def kept(name):
        id = scenes.classes.index(name)
        whole = [(s.mask == id) for s in scenes]
        coarse = [m.reshape(24, 4, 48, 4).mean((1, 3)) > 0.5 for m in whole]
        seen = sum((np.kron(c, np.ones((4, 4))) * m).sum() for c, m in zip(coarse, whole, strict=True))
        return seen / sum(m.sum() for m in whole)

    assert kept("road") > 0.9
    assert kept("pole") < 0.6


@pytest.mark.parametrize("size", [(1, 1), (7, 40), (200, 31)])
def test_scenes_of_any_size_can_be_drawn(size):
    image, mask, depth = draw(*size, np.random.default_rng(0))
    assert image.shape == (*size, 3)
    assert mask.shape == depth.shape == size
    assert (depth[mask != 0] > 0).all()
    assert mask.max() < 11


def test_drawn_scenes_pass_the_check(scenes):
    assert check_data(scenes, classes=11) == []
