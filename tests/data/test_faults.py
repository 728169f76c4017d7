"""What is wrong with data is said with the name of the file, before training starts."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
from datasets import Numbered, image_of, labels, named, told, write, write_folder
from PIL import Image

from archdsl.configs.datasets import DATASETS
from archdsl.data import Sample, check_data, listing, open_data
from archdsl.data.dataset_settings import read_settings
from archdsl.diagnostics import SpecError


@pytest.fixture
def root(tmp_path):
    return write_folder(tmp_path / "street")


def opened(root, **settings):
    return open_data("folder", {"path": str(root), **settings})


def refused(root, **settings):
    with pytest.raises(SpecError) as raised:
        opened(root, **settings)
    return raised.value


def found(root):
    """Codes and files of what the check finds; reading the samples must find the same."""
    train = opened(root).train
    problems = [(d.code, named(d)) for d in check_data(train)]
    assert told_by_reading(train) == problems
    return problems


def told_by_reading(dataset):
    result = []
    for i in range(len(dataset)):
        try:
            dataset[i]
        except SpecError as error:
            result += told(error)
    return result


def test_sound_data_has_no_findings(root):
    assert check_data(opened(root).train, classes=3) == []


# ---------------------------------------------------------------- folders


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_links_to_nothing_and_pipes_are_named(root, kind):
    (root / kind / "train" / "00.png").rename(root / "elsewhere.png")
    (root / kind / "train" / "00.png").symlink_to("moved.png")
    (root / kind / "train" / "itself.png").symlink_to("itself.png")
    os.mkfifo(root / kind / "train" / "pipe.png")
    error = refused(root)
    assert told(error) == [("ARCH902", "00.png"), ("ARCH902", "itself.png"), ("ARCH902", "pipe.png")]
    assert error.diagnostics[0].primary.text == "a link to moved.png, which does not exist"


def test_links_to_images_are_read(root):
    for kind in ("images", "masks"):
        (root / kind / "train" / "00.png").rename(root / f"{kind}.png")
        (root / kind / "train" / "00.png").symlink_to(root / f"{kind}.png")
    assert found(root) == []


def test_data_that_is_not_there_is_said(tmp_path):
    assert told(refused(tmp_path / "nowhere")) == [("ARCH900", "nowhere")]
    assert told(refused(tmp_path / ("x" * 5000))) == [("ARCH900", "x" * 5000)]


def test_without_a_validation_folder_it_is_said_what_to_write(tmp_path):
    error = refused(write_folder(tmp_path, parts=["train"]))
    assert told(error) == [("ARCH900", "val")]
    assert "split = 0.1" in error.diagnostics[0].help


def test_folders_in_another_order_are_answered_by_the_layout(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "images" / "train").rename(tmp_path / "train")
    error = refused(tmp_path)
    assert told(error) == [("ARCH900", "train")]
    assert "images/train and masks/train" in error.diagnostics[0].help


def test_a_part_without_images_is_said(root):
    for path in (root / "images" / "val").iterdir():
        path.unlink()
    assert told(refused(root))[0][0] == "ARCH900"


def test_a_share_that_leaves_nothing_to_train_on_is_said(tmp_path):
    error = refused(write_folder(tmp_path, parts=["train"], images=1), split=0.5)
    assert error.diagnostics[0].code == "ARCH900"


def test_every_image_without_a_mask_is_named(root):
    for name in ("00.png", "02.png"):
        (root / "masks" / "train" / name).unlink()
    assert told(refused(root)) == [("ARCH901", "00.png"), ("ARCH901", "02.png")]


def test_two_masks_of_one_image_are_said(root):
    write(root / "masks" / "train" / "01.bmp", labels(3))
    assert told(refused(root)) == [("ARCH901", "01.png")]


def test_a_folder_with_too_many_files_is_left_early(root, monkeypatch):
    monkeypatch.setattr(listing, "MOST_FILES", 2)
    assert told(refused(root)) == [("ARCH909", "train")]


def test_links_to_folders_are_left_out(root):
    (root / "images" / "train" / "up").symlink_to("..")
    assert len(opened(root).train) == 3


def test_files_that_are_no_images_are_left_out(root):
    (root / "images" / "train" / "Thumbs.db").write_bytes(b"x")
    (root / "images" / "train" / ".hidden.png").write_bytes(b"x")
    assert len(opened(root).train) == 3


# ---------------------------------------------------------------- files


def test_a_label_out_of_range_is_named_with_its_file(root):
    mask = labels(3)
    mask[4, 5] = mask[4, 6] = 12
    write(root / "masks" / "train" / "01.png", mask)
    assert found(root) == [("ARCH904", "01.png")]
    (problem,) = check_data(opened(root).train)
    assert problem.primary.text == "label 12 (2 pixels); the first at row 4, column 5"
    assert problem.help == "valid labels: 0 to 2, and 255 for unlabelled pixels"


def test_a_mask_of_another_size_is_named(root):
    write(root / "masks" / "train" / "02.png", labels(3, size=(4, 4)))
    assert found(root) == [("ARCH905", "02.png")]


def test_all_findings_come_at_once_in_order(root):
    write(root / "masks" / "train" / "00.png", labels(3) + 100)
    (root / "images" / "train" / "01.png").write_bytes(b"no image")
    write(root / "masks" / "train" / "01.png", image_of(labels(3)))
    problems = check_data(opened(root).train)
    assert [(d.code, named(d)) for d in problems] == [
        ("ARCH904", "00.png"), ("ARCH902", "01.png"), ("ARCH903", "01.png"),
    ]  # fmt: skip


def test_a_coloured_mask_is_refused_with_what_is_wanted(root):
    write(root / "masks" / "train" / "00.png", image_of(labels(3)))
    assert found(root) == [("ARCH903", "00.png")]
    (problem,) = check_data(opened(root).train)
    assert "one channel" in problem.help


def test_masks_and_images_of_16_bits_are_refused(root):
    deep = labels(3).astype(np.uint16)
    write(root / "masks" / "train" / "00.png", deep)
    write(root / "images" / "train" / "01.png", deep)
    assert [code for code, _ in told_by_reading(opened(root).train)] == ["ARCH903", "ARCH902"]


def png(width: int, height: int, body: bytes) -> bytes:
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", body) + chunk(b"IEND", b"")


HOSTILE = {
    "empty": b"",
    "text": b"hello",
    "head alone": b"\x89PNG\r\n\x1a\n",
    "a bomb": png(60_000, 60_000, zlib.compress(b"")),
    "large": png(9_000, 9_000, zlib.compress(b"")),
    "no pixels": png(0, 0, zlib.compress(b"")),
    "a gif": b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff",
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("what", HOSTILE)
def test_a_file_that_is_no_sound_image_is_named(root, what):
    (root / "images" / "train" / "01.png").write_bytes(HOSTILE[what])
    assert found(root) == [("ARCH902", "01.png")]


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
@pytest.mark.parametrize("kind", ["images", "masks"])
def test_a_file_that_ends_too_early_is_named(root, kind, ending):
    if kind == "masks" and ending == "jpg":
        pytest.skip("labels are not kept in JPEG")
    pixels = np.random.default_rng(0).integers(0, 3, (40, 50), np.uint8)
    for folder, content in (("images", image_of(pixels)), ("masks", pixels)):
        (root / folder / "train" / "01.png").unlink()
        name = f"01.{ending}" if folder == kind else "01.png"
        path = write(root / folder / "train" / name, content)
        if folder == kind:
            path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert found(root) == [("ARCH902", f"01.{ending}")]


def test_what_follows_the_end_of_an_image_does_no_harm(root):
    path = root / "images" / "train" / "01.png"
    path.write_bytes(path.read_bytes() + b"trailing")
    assert check_data(opened(root).train) == []


def test_grey_and_transparent_images_are_read_as_colours(root):
    write(root / "images" / "train" / "00.png", labels(3))
    Image.fromarray(image_of(labels(3))).convert("RGBA").save(root / "images" / "train" / "01.png")
    assert [sample.image.shape for sample in opened(root).train] == [(6, 8, 3)] * 3


def test_whatever_bytes_are_broken_the_file_is_named(root):
    path, train = root / "images" / "train" / "01.png", opened(root).train
    rng, sound, findings = np.random.default_rng(0), path.read_bytes(), []
    for _ in range(200):
        broken = bytearray(sound)
        for at in rng.integers(0, len(broken), 3):
            broken[at] = int(rng.integers(0, 256))
        path.write_bytes(bytes(broken))
        findings += told_by_reading(train)
    assert set(findings) == {("ARCH902", "01.png")}


# ---------------------------------------------------------------- classes and settings


def test_a_missing_list_of_classes_is_said_with_what_to_write(root):
    (root / "classes.txt").unlink()
    error = refused(root)
    assert told(error) == [("ARCH907", "classes.txt")]
    assert "one name per line" in error.diagnostics[0].help


@pytest.mark.parametrize("text", ["", "road", "road\nroad", "\n".join(f"c{n}" for n in range(255))])
def test_a_list_of_classes_that_cannot_be_is_refused(root, text):
    (root / "classes.txt").write_text(text, "utf-8")
    assert told(refused(root)) == [("ARCH907", "classes.txt")]


@pytest.mark.parametrize(
    "line",
    ["road #80408", "road #f00", "#804080 road", "road #80408g", "0: road #80", "# streets of 2024", "#"],
)
def test_a_colour_that_is_none_is_not_taken_for_a_part_of_a_name(root, line):
    other = "1: house #804080" if ":" in line else "house #804080"
    (root / "classes.txt").write_text(f"{line}\n{other}\n", "utf-8")
    error = refused(root)
    assert told(error) == [("ARCH907", "classes.txt")]
    assert "road #804080" in error.diagnostics[0].help


def test_a_list_of_classes_that_is_no_text_is_refused(root):
    (root / "classes.txt").write_bytes(b"\xff\xfe\x00r")
    assert told(refused(root)) == [("ARCH907", "classes.txt")]


def test_more_classes_than_the_network_tells_apart_are_a_finding(root):
    assert [d.code for d in check_data(opened(root).train, classes=2)] == ["ARCH908"]
    assert check_data(opened(root).train, classes=19) == []


@pytest.mark.parametrize("kind", DATASETS)
def test_every_kind_of_data_says_how_its_images_are_changed(kind):
    changed = read_settings(kind, {"scale": (0.5, 1.5), "flip": False, "crop": (32, 32), "batch": 2})
    assert (changed.scale, changed.flip, changed.crop, changed.batch) == ((0.5, 1.5), False, (32, 32), 2)


@pytest.mark.parametrize(
    ("kind", "settings", "told"),
    [
        ("camvd", {}, "did you mean `camvid`"),
        ("synthetic", {"imges": 3}, "did you mean `images`"),
        ("synthetic", {"path": "x"}, "no setting `path`"),
        ("synthetic", {"images": 0}, "`images` of `synthetic`"),
        ("synthetic", {"size": (96,)}, "`size` of `synthetic`"),
        ("synthetic", {"size": (10, 10)}, "`size` of `synthetic`"),
        ("synthetic", {"split": "test"}, "`split` of `synthetic`"),
        ("camvid", {}, "missing `path`"),
        ("camvid", {"path": 3}, "`path` of `camvid`"),
        ("camvid", {"path": "x", "split": 1.5}, "`split` of `camvid`"),
        ("camvid", {"path": "x", "split": "../../etc"}, "`split` of `camvid`"),
        ("camvid", {"path": "x", "crop": (0, 5)}, "`crop` of `camvid`"),
    ],
)
def test_settings_that_cannot_be_are_refused(kind, settings, told):
    with pytest.raises(SpecError) as raised:
        open_data(kind, settings)
    assert {d.code for d in raised.value.diagnostics} == {"ARCH906"}
    assert any(told in f"{d.headline} {d.help}" for d in raised.value.diagnostics)


# ---------------------------------------------------------------- datasets of other makes


def test_samples_that_come_from_no_file_are_checked_too():
    class Wrong(Numbered):
        classes = ("0", "1")

        def __getitem__(self, i: int) -> Sample:
            sample = super().__getitem__(i)
            return Sample(sample.image[:-1], sample.mask, sample.name) if i == 0 else sample

    assert [(d.code, d.headline) for d in check_data(Wrong(3))] == [
        ("ARCH905", "sample `0` of `numbered`: image and mask differ in size"),
        ("ARCH904", "sample `2` of `numbered`: label 2 is not a class"),
    ]
