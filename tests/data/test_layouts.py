"""Datasets in files: which files belong together, and what their labels become."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from datasets import image_of, labels, write, write_folder
from PIL import Image

from archdsl.data import IGNORE, check_data, open_data, open_part
from archdsl.diagnostics import SpecError


def test_camvid_pairs_images_with_labels_and_ignores_void(tmp_path):
    mask = np.array([[0, 10], [11, 255]], np.uint8)
    for part in ("train", "val"):
        write(tmp_path / part / "a.jpg", image_of(mask))
        write(tmp_path / f"{part}annot" / "a.png", mask)
    data = open_data("camvid", {"path": str(tmp_path)})
    assert data.train.classes[:4] == ("sky", "building", "pole", "road")
    assert len(data.train.colours) == len(data.train.classes) == 11
    assert data.val[0].mask.tolist() == [[0, 10], [IGNORE, IGNORE]]
    assert data.val[0].name == "a"
    assert check_data(data.train) == []


def test_the_test_part_of_camvid_is_opened_by_its_name(tmp_path):
    for part, images in (("train", 1), ("test", 2)):
        for n in range(images):
            write(tmp_path / part / f"{n}.png", image_of(labels(11)))
            write(tmp_path / f"{part}annot" / f"{n}.png", labels(11))
    assert len(open_data("camvid", {"path": str(tmp_path), "split": "test"}).val) == 2


def test_a_part_is_opened_without_the_others(tmp_path):
    write(tmp_path / "test" / "a.png", image_of(labels(11)))
    write(tmp_path / "testannot" / "a.png", labels(11))
    settings = {"path": str(tmp_path)}
    assert len(open_part("camvid", settings, "test")) == 1
    assert len(open_part("camvid", {**settings, "split": "test"}, "val")) == 1
    with pytest.raises(SpecError, match="ARCH900"):
        open_part("camvid", settings, "val")


@pytest.mark.parametrize(("kind", "part"), [("synthetic", "test"), ("camvid", "../test")])
def test_a_part_that_cannot_be_is_refused(kind, part, tmp_path):
    settings = {} if kind == "synthetic" else {"path": str(tmp_path)}
    with pytest.raises(SpecError, match="ARCH906"):
        open_part(kind, settings, part)


def write_cityscapes(root, ending="labelIds", mask=None):
    for part, city in (("train", "aachen"), ("val", "ulm")):
        ids = np.arange(34, dtype=np.uint8).reshape(2, 17) if mask is None else mask
        frame = f"{city}_000000_000019"
        write(root / "leftImg8bit" / part / city / f"{frame}_leftImg8bit.png", image_of(ids))
        write(root / "gtFine" / part / city / f"{frame}_gtFine_{ending}.png", ids)
        write(root / "gtFine" / part / city / f"{frame}_gtFine_color.png", image_of(ids))
    return root


def test_label_ids_of_cityscapes_become_the_19_classes(tmp_path):
    data = open_data("cityscapes", {"path": str(write_cityscapes(tmp_path))})
    ids = data.train[0].mask.reshape(-1).tolist()
    assert [label for label, id in enumerate(ids) if id != IGNORE] == [
        7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33,
    ]  # fmt: skip
    assert [id for id in ids if id != IGNORE] == list(range(19))
    assert [data.train.classes[id] for id in (0, 13, 18)] == ["road", "car", "bicycle"]
    assert data.train.colours[13] == (0, 0, 142)


def test_images_of_cityscapes_that_lie_elsewhere_are_counted(tmp_path):
    root = write_cityscapes(tmp_path)
    folder = root / "leftImg8bit" / "train"
    image = folder / "aachen" / "aachen_000000_000019_leftImg8bit.png"
    image.rename(folder / "aachen" / "other.png")
    write(folder / "a_leftImg8bit.png", image_of(labels(3)))
    with pytest.raises(SpecError, match="ARCH900") as raised:
        open_data("cityscapes", {"path": str(root)})
    told = raised.value.diagnostics[0].primary.text
    assert told == "1 in the folder itself; 1 file lies one folder deeper, in aachen/"


def test_train_ids_of_cityscapes_are_taken_where_label_ids_are_missing(tmp_path):
    mask = np.array([[0, 18, 255]], np.uint8)
    data = open_data("cityscapes", {"path": str(write_cityscapes(tmp_path, "labelTrainIds", mask))})
    assert data.val[0].mask.tolist() == mask.tolist()


def test_a_folder_of_ones_own_takes_its_classes_from_the_file_or_the_setting(tmp_path):
    write_folder(tmp_path)
    assert open_data("folder", {"path": str(tmp_path)}).train.classes == ("class0", "class1", "class2")
    named = open_data("folder", {"path": str(tmp_path), "classes": ("a", "b", "c", "d")})
    assert named.train.classes == ("a", "b", "c", "d")
    assert len(set(named.train.colours)) == 4
    assert named.train[1].mask.tolist() == labels(3, 1).tolist()


def test_all_colours_of_many_classes_differ(tmp_path):
    write_folder(tmp_path)
    names = tuple(f"c{n}" for n in range(254))
    assert len(set(open_data("folder", {"path": str(tmp_path), "classes": names}).train.colours)) == 254


def test_a_share_of_the_training_images_is_held_out_always_the_same(tmp_path):
    write_folder(tmp_path, parts=["train"], images=10)
    first, second = (open_data("folder", {"path": str(tmp_path), "split": 0.3}) for _ in range(2))
    held_out, kept = ({sample.name for sample in part} for part in (first.val, first.train))
    assert (len(held_out), len(kept)) == (3, 7)
    assert held_out.isdisjoint(kept)
    assert held_out == {sample.name for sample in second.val}


def test_a_relative_path_starts_at_the_base(tmp_path):
    write_folder(tmp_path / "inner")
    assert len(open_data("folder", {"path": "inner"}, base=tmp_path).train) == 3


@pytest.mark.parametrize(("resize", "size"), [(4, (3, 4)), ((12, 4), (12, 4))])
def test_resize_is_the_longer_side_or_height_and_width(tmp_path, resize, size):
    write_folder(tmp_path)
    sample = open_data("folder", {"path": str(tmp_path), "resize": resize}).train[0]
    assert sample.image.shape == (*size, 3)
    assert sample.mask.shape == size


def test_labels_are_not_blended_when_masks_are_resized(tmp_path):
    write_folder(tmp_path)
    write(tmp_path / "masks" / "train" / "00.png", labels(2) * 2)
    sample = open_data("folder", {"path": str(tmp_path), "resize": 5}).train[0]
    assert set(np.unique(sample.mask)) == {0, 2}


def test_masks_with_a_palette_are_read_by_index(tmp_path):
    write_folder(tmp_path)
    mask = Image.fromarray(labels(3)).convert("P")
    mask.putpalette([200, 10, 10, 10, 200, 10, 10, 10, 200])
    mask.putdata(labels(3).reshape(-1).tolist())
    mask.save(tmp_path / "masks" / "train" / "00.png")
    assert open_data("folder", {"path": str(tmp_path)}).train[0].mask.tolist() == labels(3).tolist()


def test_masks_of_one_bit_are_the_labels_0_and_1(tmp_path):
    write_folder(tmp_path, classes=2)
    Image.fromarray(labels(2) > 0).save(tmp_path / "masks" / "train" / "00.png")
    assert open_data("folder", {"path": str(tmp_path)}).train[0].mask.tolist() == labels(2).tolist()


def test_the_fingerprint_follows_content_and_names_but_not_the_place(tmp_path):
    write_folder(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")

    def fingerprint(name):
        return open_data("folder", {"path": str(tmp_path / name)}).train.fingerprint()

    first = fingerprint("a")
    assert fingerprint("b") == first
    write(tmp_path / "b" / "masks" / "train" / "00.png", labels(3, seed=9))
    assert fingerprint("b") != first
    (tmp_path / "a" / "images" / "train" / "02.png").rename(tmp_path / "a" / "images" / "train" / "03.png")
    (tmp_path / "a" / "masks" / "train" / "02.png").rename(tmp_path / "a" / "masks" / "train" / "03.png")
    assert fingerprint("a") != first
