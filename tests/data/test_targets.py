"""What outputs are compared with beside labels: edges between classes, and maps in further folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from archdsl.data import IGNORE, Augmentation, Batches, Sample, open_data
from archdsl.data.augmentation import augmented
from archdsl.data.soundness import TRAINED, VALIDATED, demand_sound
from archdsl.data.targets import edges, targets_of
from archdsl.diagnostics import SpecError

DEPTHS = {"a": 1000, "b": 2000, "c": 4000}


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    """Images whose depth is unknown in the first rows, without masks."""
    for part, names in {"train": "abc", "val": "c"}.items():
        for kind in ("images", "depth"):
            (tmp_path / kind / part).mkdir(parents=True)
        for name in names:
            depth = np.full((32, 48), DEPTHS[name], np.uint16)
            depth[:4] = 0
            Image.fromarray(depth).save(tmp_path / "depth" / part / f"{name}.png")
            Image.fromarray(np.full((32, 48, 3), DEPTHS[name] // 20, np.uint8)).save(
                tmp_path / "images" / part / f"{name}.png"
            )
    return tmp_path


def opened(rooms: Path, **settings: object):
    return open_data("folder", {"path": str(rooms), "maps": ("depth",), "map_scale": 0.001, **settings})


def codes(error: pytest.ExceptionInfo[SpecError]) -> list[str]:
    return [one.code for one in error.value.diagnostics]


def slow_edges(mask: np.ndarray, width: int) -> np.ndarray:
    """Edges by their definition, pixel by pixel."""
    found = np.zeros(mask.shape, np.float32)
    for y, x in np.ndindex(mask.shape):
        before = width // 2
        window = mask[
            max(0, y - before) : y + width - before + 1, max(0, x - before) : x + width - before + 1
        ]
        found[y, x] = len(set(window.flatten().tolist()) - {IGNORE}) > 1
    found[mask == IGNORE] = np.nan
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))
def test_edges_are_where_a_window_has_several_classes(seed: int, width: int, rows: int, columns: int):
    draw = np.random.default_rng(seed)
    mask = draw.choice(np.array([0, 1, 254, IGNORE], np.uint8), (rows, columns))
    np.testing.assert_array_equal(edges(mask, width), slow_edges(mask, width))


def test_an_edge_between_two_areas_has_the_width_that_is_set():
    mask = np.zeros((9, 12), np.uint8)
    mask[:, 6:] = 3
    for width in range(1, 7):
        assert np.nansum(edges(mask, width), 1).tolist() == [width] * 9


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(16, 16), (40, 40), (12, 60)]))
def test_maps_stay_with_their_pixels(seed: int, crop: tuple[int, int]):
    draw = np.random.default_rng(seed)
    mask = np.kron(draw.integers(0, 9, (4, 6), dtype=np.uint8), np.ones((8, 8), np.uint8))
    depth = mask.astype(np.float32) * 1.5
    sample = Sample(np.stack([mask] * 3, -1), mask, "blocks", {"depth": depth})
    found = augmented(sample, Augmentation(crop, colour=0.3), draw)
    inside = found.mask != IGNORE
    assert found.maps["depth"].shape == crop
    np.testing.assert_array_equal(found.maps["depth"][inside], found.mask[inside] * np.float32(1.5))
    assert np.isnan(found.maps["depth"][~inside]).all()


def test_batches_have_the_targets_that_are_asked_for():
    data = open_data("synthetic", {"images": 4, "size": (32, 64)})
    batches = Batches(data.train, 2, Augmentation((32, 64)), seed=3, targets=("labels", "edges", "depth"))
    batch, same = batches.batch(1), Batches(data.train, 2, Augmentation((32, 64)), seed=3).batch(1)
    assert (batch.images_B3HW == same.images_B3HW).all()
    assert (batch.masks_BHW == same.masks_BHW).all()
    assert same.maps == {}
    for n in range(2):
        np.testing.assert_array_equal(
            batch.maps["edges"][n].numpy(), edges(batch.masks_BHW[n].numpy().astype(np.uint8))
        )
    depth = batch.maps["depth"].numpy()
    assert np.isnan(depth[batch.masks_BHW.numpy() == 0]).all()  # the sky
    assert np.nanmin(depth) > 0


def test_numbers_of_a_map_are_scaled_and_some_are_unknown(rooms: Path):
    data = opened(rooms)
    assert targets_of(data.train) == ("depth",)
    assert data.train.classes == ()
    sample = data.train[1]
    assert np.isnan(sample.maps["depth"][:4]).all()
    np.testing.assert_allclose(sample.maps["depth"][4:], 2.0, rtol=1e-6)
    known = opened(rooms, map_unknown="none").train[1]
    assert (known.maps["depth"][:4] == 0).all()
    demand_sound({TRAINED: data.train, VALIDATED: data.val})


@pytest.mark.parametrize(("mode", "most"), [("L", 255), ("1", 1), ("I;16", 65535)])
def test_the_largest_number_of_a_file_is_one_by_default(rooms: Path, mode: str, most: int):
    samples = np.zeros((32, 48), np.uint16 if mode == "I;16" else np.uint8)
    samples[8:] = most
    picture = Image.fromarray(samples * 255 if mode == "1" else samples)
    (picture.convert("1") if mode == "1" else picture).save(rooms / "depth" / "train" / "a.png")
    found = open_data("folder", {"path": str(rooms), "maps": ("depth",)}).train[0].maps["depth"]
    assert np.unique(found[8:]).tolist() == [1.0]
    assert np.isnan(found[:8]).all()


def test_maps_lie_in_folders_of_cities_under_names_of_their_own(tmp_path: Path):
    frame = "aachen_000000_000019"
    places = {
        f"leftImg8bit/train/aachen/{frame}_leftImg8bit.png": np.zeros((32, 64, 3), np.uint8),
        f"gtFine/train/aachen/{frame}_gtFine_labelIds.png": np.full((32, 64), 7, np.uint8),
        f"disparity/train/aachen/{frame}_disparity.png": np.full((32, 64), 513, np.uint16),
    }
    for name, pixels in places.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / name)
    settings = {"path": str(tmp_path), "maps": ("disparity",), "map_scale": 1 / 256, "split": "train"}
    sample = open_data("cityscapes", settings).train[0]
    np.testing.assert_allclose(sample.maps["disparity"], 513 / 256, rtol=1e-6)
    assert targets_of(open_data("cityscapes", settings).train) == ("labels", "edges", "disparity")


def test_what_is_wrong_with_maps_is_found_before_a_run(rooms: Path):
    (rooms / "depth" / "train" / "b.png").unlink()
    with pytest.raises(SpecError) as error:
        opened(rooms)
    (found,) = error.value.diagnostics
    assert found.code == "ARCH936"
    assert found.primary is not None
    assert found.primary.location.source.name.endswith("images/train/b.png")
    Image.fromarray(np.full((32, 48, 3), 9, np.uint8)).save(rooms / "depth" / "train" / "b.png")
    Image.fromarray(np.full((16, 48), 9, np.uint16)).save(rooms / "depth" / "train" / "c.png")
    (rooms / "depth" / "val" / "c.png").write_bytes(b"no picture")
    data = opened(rooms)
    with pytest.raises(SpecError) as error:
        demand_sound({TRAINED: data.train, VALIDATED: data.val})
    assert codes(error) == ["ARCH937", "ARCH905", "ARCH902"]


def test_a_map_without_a_known_pixel_is_an_error(rooms: Path):
    Image.fromarray(np.zeros((32, 48), np.uint16)).save(rooms / "depth" / "val" / "c.png")
    data = opened(rooms)
    with pytest.raises(SpecError) as error:
        demand_sound({TRAINED: data.train, VALIDATED: data.val})
    assert codes(error) == ["ARCH938"]


@pytest.mark.parametrize(
    "settings",
    [
        {"maps": ("labels",)}, {"maps": ("depth", "depth")}, {"maps": ("../depth",)}, {"map_scale": 0},
        {"map_scale": (1, 2)}, {"map_unknown": -1}, {"map_unknown": "all"}, {"edge_width": 0},
    ],
)  # fmt: skip
def test_settings_that_mean_nothing_are_refused(rooms: Path, settings: dict[str, object]):
    with pytest.raises(SpecError) as error:
        opened(rooms, **settings)
    assert codes(error) == ["ARCH906"]


def test_other_numbers_are_other_data(rooms: Path):
    prints = {
        opened(rooms, **one).train.fingerprint()
        for one in ({}, {"map_scale": 0.01}, {"map_unknown": "none"}, {"edge_width": 3})
    }
    assert len(prints) == 4
    before = opened(rooms).train.fingerprint()
    Image.fromarray(np.full((32, 48), 7, np.uint16)).save(rooms / "depth" / "train" / "a.png")
    assert opened(rooms).train.fingerprint() != before
