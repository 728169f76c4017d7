"""Labels and images as they stand in files: few bits, orientation, channels, and what labels stand for."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from datasets import Numbered, image_of, labels, told, write, write_folder
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from archdsl.data import IGNORE, Augmentation, Batches, check_data, open_data, open_part, whole
from archdsl.data.augmentation import recoloured
from archdsl.data.checking import inspect
from archdsl.data.faults import grouped
from archdsl.data.image_files import read_image, read_labels
from archdsl.data.labelling import about_labels
from archdsl.data.opening import trained_too
from archdsl.data.soundness import TRAINED, demand_sound
from archdsl.diagnostics import SpecError


def png(samples: np.ndarray, bits: int, palette: bool = False) -> bytes:
    """A PNG of one channel whose samples have so many bits."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = samples.shape
    each = np.unpackbits(samples[..., None].astype(np.uint8), axis=2)[..., 8 - bits :]
    rows = np.packbits(each.reshape(height, width * bits), axis=1)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    colours = chunk(b"PLTE", np.random.default_rng(0).bytes(3 * 2**bits)) if palette else b""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 3 if palette else 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + colours + chunk(b"IDAT", body) + chunk(b"IEND", b"")


SAMPLES = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mask") / "mask"


@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.sampled_from([1, 2, 4, 8]), st.booleans())
def test_masks_of_any_depth_are_read_as_they_were_written(file: Path, found, bits: int, palette: bool):
    samples = found & (2**bits - 1)
    file.write_bytes(png(samples, bits, palette))
    assert read_labels(file)[0].tolist() == samples.tolist()


@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.integers(1, 255), st.booleans())
def test_grey_maps_are_read_as_they_were_written_whatever_white_is(file: Path, found, most: int, plain: bool):
    samples = np.minimum(found, most)
    head = f"P{2 if plain else 5}\n{samples.shape[1]} {samples.shape[0]}\n{most}\n".encode()
    body = " ".join(map(str, samples.reshape(-1).tolist())).encode() if plain else samples.tobytes()
    file.write_bytes(head + body)
    assert read_labels(file)[0].tolist() == samples.tolist()


@pytest.mark.parametrize("kind", ["P1", "P4"])
def test_bitmaps_are_read_as_they_were_written(tmp_path: Path, kind: str):
    samples = labels(2)
    head = f"{kind}\n{samples.shape[1]} {samples.shape[0]}\n".encode()
    body = np.packbits(samples, axis=1).tobytes()
    plain = " ".join(map(str, samples.reshape(-1).tolist())).encode()
    (tmp_path / "mask.pgm").write_bytes(head + (plain if kind == "P1" else body))
    assert read_labels(tmp_path / "mask.pgm")[0].tolist() == samples.tolist()


@pytest.mark.parametrize("mode", ["1", "P"])
def test_masks_as_bmp_are_read_by_index(tmp_path: Path, mode: str):
    samples = labels(2)
    mask = Image.fromarray(samples > 0) if mode == "1" else Image.fromarray(samples).convert("P")
    mask.save(tmp_path / "mask.bmp")
    assert read_labels(tmp_path / "mask.bmp")[0].tolist() == np.asarray(mask, np.uint8).tolist()


@pytest.mark.parametrize("name", ["00.jpg", "00.png"])
def test_masks_that_are_jpeg_are_refused_whatever_their_ending(tmp_path: Path, name: str):
    root = write_folder(tmp_path)
    (root / "masks" / "train" / "00.png").unlink()
    Image.fromarray(labels(3)).save(root / "masks" / "train" / name, "JPEG")
    train = open_data("folder", {"path": str(root)}).train
    assert [d.code for d in check_data(train)] == ["ARCH940"]
    with pytest.raises(SpecError, match="ARCH940"):
        train[0]


# ---------------------------------------------------------------- orientation


def with_orientation(path: Path, pixels: np.ndarray, orientation: int, **how) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, exif=exif, **how)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_upright_as_a_viewer_shows_them(tmp_path: Path, orientation: int, ending: str):
    from PIL import ImageOps

    pixels = image_of(labels(9, size=(16, 24)))
    path = tmp_path / f"a.{ending}"
    with_orientation(path, pixels, orientation)
    with Image.open(path) as image:
        shown = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert (read_image(path) == shown).all()


def test_a_mask_has_the_size_of_the_upright_image(tmp_path: Path):
    root = write_folder(tmp_path)
    image, mask = root / "images" / "train" / "01.png", root / "masks" / "train" / "01.png"
    pixels = image_of(labels(3, 1))
    with_orientation(image, np.rot90(pixels, 1), 6)  # held so that a turn to the right makes it upright
    train = open_data("folder", {"path": str(root)}).train
    assert check_data(train) == []
    assert (train[1].image == pixels).all()
    assert inspect(train).turned == {"image": 1}
    write(mask, np.rot90(labels(3, 1)))
    (problem,) = check_data(train)
    assert (problem.code, "EXIF" in problem.primary.text) == ("ARCH905", True)
    with pytest.raises(SpecError, match="ARCH905"):
        train[1]
    with_orientation(mask, np.ascontiguousarray(np.rot90(labels(3, 1))), 6)  # the mask says the same
    assert check_data(train) == []
    assert train[1].mask.tolist() == labels(3, 1).tolist()


def test_masks_and_maps_that_alone_are_rotated_are_printed_before_a_run(tmp_path: Path):
    root = write_folder(tmp_path)
    depth = labels(9, size=(16, 24))
    for n, image in enumerate(sorted((root / "images" / "train").iterdir())):
        write(root / "depth" / "val" / image.name, depth)
        write(image, image_of(labels(3, n, size=(16, 24))))
        with_orientation(
            root / "masks" / "train" / image.name, labels(3, n, size=(16, 24)), 3 if n < 2 else 1
        )
        with_orientation(root / "depth" / "train" / image.name, depth, 2 if n == 0 else 1)
    train = open_data("folder", {"path": str(root), "maps": ["depth"]}).train
    assert (train[0].mask == labels(3, 0, size=(16, 24))[::-1, ::-1]).all()
    assert demand_sound({TRAINED: train}).lines == (
        "2 masks of the training images rotated by EXIF orientation",
        "1 `depth` map of the training images rotated by EXIF orientation",
    )


def test_the_size_of_a_rotated_mask_says_so(tmp_path: Path):
    root = write_folder(tmp_path)
    image = root / "images" / "train" / "01.png"
    write(image, image_of(labels(3, size=(16, 24))))
    with_orientation(root / "masks" / "train" / "01.png", labels(3, size=(16, 24)), 6)
    (problem,) = check_data(open_data("folder", {"path": str(root)}).train)
    assert problem.primary.text == (
        "the mask has 24 × 16 pixels, rotated by its EXIF orientation, the image 16 × 24"
    )


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*" + b"\xff" * 40]
)
def test_exif_that_makes_no_sense_does_not_turn_an_image(tmp_path: Path, exif: bytes):
    Image.fromarray(image_of(labels(3, size=(16, 16)))).save(tmp_path / "a.jpg", exif=exif)
    Image.fromarray(image_of(labels(3, size=(16, 16)))).save(tmp_path / "b.jpg")
    assert (read_image(tmp_path / "a.jpg") == read_image(tmp_path / "b.jpg")).all()


# ---------------------------------------------------------------- everything is read before a run


@pytest.mark.parametrize("part", ["images", "masks"])
def test_a_file_that_is_broken_in_its_middle_is_found_by_the_check(tmp_path: Path, part: str):
    root = write_folder(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 3, (40, 50), np.uint8)
    write(root / "images" / "train" / "01.png", image_of(pixels))
    path = write(root / "masks" / "train" / "01.png", pixels)
    path = root / part / "train" / "01.png"
    sound, train = path.read_bytes(), open_data("folder", {"path": str(root)}).train
    for at in np.random.default_rng(1).integers(60, len(sound) - 20, 40):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0x10]) + sound[at + 1 :])
        assert [d.code for d in check_data(train)] == ["ARCH902"]


def test_an_image_of_16_bits_is_found_by_the_check(tmp_path: Path):
    root = write_folder(tmp_path)
    write(root / "images" / "val" / "01.png", labels(3).astype(np.uint16))
    assert [d.code for d in check_data(open_data("folder", {"path": str(root)}).val)] == ["ARCH902"]


def test_a_change_anywhere_in_a_large_file_changes_the_fingerprint(tmp_path: Path):
    root = write_folder(tmp_path)
    path = root / "images" / "train" / "01.png"
    path.write_bytes(bytes(300_000))
    train = open_data("folder", {"path": str(root)}).train
    before = train.fingerprint()
    path.write_bytes(bytes(150_000) + b"x" + bytes(149_999))
    assert train.fingerprint() != before


# ---------------------------------------------------------------- names and folders


def test_two_images_of_one_mask_are_said(tmp_path: Path):
    root = write_folder(tmp_path)
    write(root / "images" / "train" / "01.jpg", image_of(labels(3)))
    with pytest.raises(SpecError) as raised:
        open_data("folder", {"path": str(root)})
    assert told(raised.value) == [("ARCH901", "01.png")]


@pytest.mark.parametrize("kind", ["folder", "camvid"])
def test_files_that_are_not_read_are_counted_where_they_lie(tmp_path: Path, kind: str):
    images = tmp_path / ("images/train" if kind == "folder" else "train")
    masks = tmp_path / ("masks/train" if kind == "folder" else "trainannot")
    write_folder(tmp_path, parts=["train", "val"])
    for folder in (images, masks, images / "aachen"):
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.png"):
            path.unlink()
    for n in range(3):
        (images / f"{n}.TIF").write_bytes(b"x")
        (images / "aachen" / f"{n}.png").write_bytes(b"x")
    with pytest.raises(SpecError, match="ARCH900") as raised:
        open_part(kind, {"path": str(tmp_path)}, "train")
    (problem,) = raised.value.diagnostics
    assert problem.primary.text == "3 files end in .tif; 3 files lie one folder deeper, in aachen/"
    assert ".png, .jpg" in problem.help
    write(images / "a.png", image_of(labels(3)))
    (masks / "a.tiff").write_bytes(b"x")
    with pytest.raises(SpecError, match="ARCH901") as raised:
        open_part(kind, {"path": str(tmp_path)}, "train")
    assert "1 file ends in .tiff" in raised.value.diagnostics[0].primary.text


@pytest.mark.parametrize(
    ("alone", "said"), [(1, "1 mask without image: x0"), (5, "5 masks without image: x0")]
)
@pytest.mark.parametrize("kind", ["folder", "camvid", "cityscapes"])
def test_masks_without_an_image_are_counted_and_the_first_are_named(
    tmp_path: Path, kind: str, alone: int, said: str
):
    image, mask = {
        "folder": ("images/train/a.png", "masks/train/{}.png"),
        "camvid": ("train/a.png", "trainannot/{}.png"),
        "cityscapes": (
            "leftImg8bit/train/ulm/a_leftImg8bit.png", "gtFine/train/ulm/{}_gtFine_labelIds.png"
        ),
    }[kind]  # fmt: skip
    write(tmp_path / image, image_of(labels(2)))
    for name in ("a", *(f"x{n}" for n in range(alone))):
        write(tmp_path / mask.format(name), labels(2))
    (tmp_path / "classes.txt").write_text("a\nb\n")
    part = open_part(kind, {"path": str(tmp_path)}, "train")
    assert len(part) == 1
    (line,) = part.left_out
    assert line.startswith(said)
    assert line.endswith("…") == (alone > 3)


def test_many_findings_of_a_kind_are_the_first_few_and_a_number(tmp_path: Path):
    root = write_folder(tmp_path, images=40)
    for n in range(40):
        write(root / "masks" / "train" / f"{n:02d}.png", labels(3) + 100)
    write(root / "masks" / "train" / "39.png", image_of(labels(3)))
    problems = check_data(open_data("folder", {"path": str(root)}).train)
    shown = grouped(problems)
    assert (len(problems), len(shown)) == (40, 7)
    assert [d.code for d in shown] == ["ARCH904"] * 5 + ["ARCH903", "ARCH904"]
    assert shown[-1].headline == "label without class: 34 more files"
    for n in range(20):
        (root / "masks" / "train" / f"{n:02d}.png").unlink()
    with pytest.raises(SpecError) as raised:
        open_data("folder", {"path": str(root)})
    assert len(raised.value.diagnostics) == 6


# ---------------------------------------------------------------- what labels stand for


def masked(root: Path, mask: list[list[int]], **how):
    array = np.array(mask, np.uint8)
    for part in ("train", "val"):
        write(root / "images" / part / "a.png", image_of(array))
        write(root / "masks" / part / "a.png", array)
    return open_data("folder", {"path": str(root), "classes": ("a", "b"), **how})


@pytest.mark.parametrize(
    ("mask", "how", "ids"),
    [
        ([[0, 1, 11]], {"ignore": 11}, [[0, 1, IGNORE]]),
        ([[0, 1, 255]], {"ignore": (0, 11)}, [[IGNORE, 1, IGNORE]]),
        ([[0, 255]], {"labels": (0, 255)}, [[0, 1]]),
        ([[1, 2, 0]], {"labels": (1, 2), "ignore": 0}, [[0, 1, IGNORE]]),
        ([[7, 8, 9, 255]], {"labels": (7, (8, 9))}, [[0, 1, 1, IGNORE]]),
        ([[128, 0]], {"labels": (128, 0)}, [[0, 1]]),
    ],
)
def test_labels_become_classes_as_set(tmp_path: Path, mask, how, ids):
    data = masked(tmp_path, mask, **how)
    assert check_data(data.train) == []
    assert data.train[0].mask.tolist() == ids


@pytest.mark.parametrize(
    "how",
    [{"labels": (0, 1, 2)}, {"labels": (0, 0)}, {"labels": (0, 256)}, {"labels": (0, 1), "ignore": 1},
     {"ignore": 300}, {"ignore": -1}, {"colours": ("#000000",)}, {"colours": ("red", "#0000ff")},
     {"channels": 2}, {"train": "train+train"}, {"train": "../x"}, {"labels": "1"}],
)  # fmt: skip
def test_settings_of_labels_that_cannot_be_are_refused(tmp_path: Path, how):
    with pytest.raises(SpecError, match="ARCH906"):
        masked(tmp_path, [[0, 1]], **how)


@pytest.mark.parametrize("text", ["0: a\nb", "1: a\n1: b", "7: a\n300: b"])
def test_a_list_of_classes_with_labels_that_cannot_be_is_refused(tmp_path: Path, text: str):
    root = write_folder(tmp_path)
    (root / "classes.txt").write_text(text, "utf-8")
    with pytest.raises(SpecError, match=r"ARCH90[67]"):
        open_data("folder", {"path": str(root)})


def test_settings_go_before_the_list_and_take_part_in_the_fingerprint(tmp_path: Path):
    write_folder(tmp_path, classes=2)
    (tmp_path / "classes.txt").write_text("0: a #010203\n1: b #040506\n")
    prints = set()
    for how in ({}, {"labels": (1, 0)}, {"ignore": 0}, {"channels": 1}, {"classes": ("b", "a")}):
        prints.add(open_data("folder", {"path": str(tmp_path), **how}).train.fingerprint())
    assert len(prints) == 5
    colours = ("#ffffff", "#000000")
    data = open_data("folder", {"path": str(tmp_path), "colours": colours})
    assert data.train.colours == ((255, 255, 255), (0, 0, 0))
    assert open_data("folder", {"path": str(tmp_path)}).train.colours == ((1, 2, 3), (4, 5, 6))


def test_classes_of_one_colour_are_noted_before_a_run(tmp_path: Path):
    data = masked(tmp_path, [[0, 1]], colours=("#102030", (16, 32, 48)))
    (note,) = [f for f in demand_sound({TRAINED: data.train}).findings if f.code == "ARCH907"]
    assert (note.severity, note.headline) == ("note", "`a`, `b` have one colour, #102030")


def test_a_class_without_a_colour_gets_one_that_no_other_class_has(tmp_path: Path):
    root = write_folder(tmp_path, classes=2)
    (root / "classes.txt").write_text("a\nb #804080\nc #f423e8\n")
    first, *others = open_data("folder", {"path": str(root)}).train.colours
    assert others == [(128, 64, 128), (244, 35, 232)]
    assert first not in others


def test_settings_are_refused_in_the_words_of_a_spec(tmp_path: Path):
    data = {"path": str(tmp_path), "crop": (48, "x"), "flip": 3, "labels": ((0, True), 1)}
    with pytest.raises(SpecError) as refused:
        open_data("folder", data)
    assert [d.headline.split(", got ")[1] for d in refused.value.diagnostics] == [
        '[48, "x"]',
        "3",
        "[[0, true], 1]",
    ]


def about(data, learned: bool = True):
    return about_labels(data, inspect(data), "training images", learned)


def test_black_and_white_masks_are_recognised_and_it_is_said_what_to_set(tmp_path: Path):
    data = masked(tmp_path, [[0, 0, 255, 255]])
    (problem,) = about(data.train)
    assert (problem.code, problem.severity) == ("ARCH943", "error")
    assert "only one class to learn, `a`" in problem.headline
    assert "labels=0+255" in problem.help
    assert about(masked(tmp_path, [[0, 0, 255, 255]], labels=(0, 255)).train) == []
    (scored,) = about(data.val, learned=False)
    assert (scored.code, scored.severity) == ("ARCH945", "warning")
    assert "labels=0+255" in scored.help
    (said,) = about(masked(tmp_path, [[0, 0, 255, 255]], ignore=255).train)
    assert (said.code, said.severity) == ("ARCH945", "warning")


def test_classes_without_a_pixel_are_listed_where_they_are_learned(tmp_path: Path):
    (problem,) = about(masked(tmp_path, [[1, 1]]).train)
    assert (problem.code, problem.severity) == ("ARCH945", "warning")
    assert "no pixels of `a`" in problem.headline
    assert about(masked(tmp_path, [[1, 1]]).val, learned=False) == []
    assert about(masked(tmp_path, [[0, 1, 255]]).train) == []


@pytest.mark.parametrize("learned", [True, False])
def test_a_part_without_a_labelled_pixel_is_an_error(tmp_path: Path, learned: bool):
    (problem,) = about(masked(tmp_path, [[255, 255]]).train, learned)
    assert (problem.code, problem.severity) == ("ARCH943", "error")


@pytest.mark.parametrize(
    ("mask", "advice"),
    [([[0, 128]], "labels=0+128"), ([[1, 2, 255]], "labels=1+2"), ([[0, 1, 2]], "labels=1+2, ignore=0")],
)
def test_labels_that_are_no_classes_are_listed_with_what_could_be_set(tmp_path: Path, mask, advice: str):
    (problem,) = about(masked(tmp_path, mask).train)
    assert problem.code == "ARCH904"
    assert advice in problem.help


def test_a_label_behind_the_classes_is_first_taken_for_void_rather_than_for_a_shift_of_all_classes(
    tmp_path: Path,
):
    data = masked(tmp_path, [[0, 1, 2]])
    (problem,) = about(data.train)
    void, shift = problem.help.index("`ignore=2`"), problem.help.index("`labels=1+2, ignore=0`")
    assert void < shift
    assert "if 2 are unlabelled" in problem.help
    assert "if the classes, in their order, are 1 to 2" in problem.help
    assert about(masked(tmp_path, [[0, 1, 2]], ignore=2).train) == []


def test_labels_of_which_none_is_a_class_are_not_taken_for_void(tmp_path: Path):
    (problem,) = about(masked(tmp_path, [[7, 9]]).train)
    assert "labels=7+9" in problem.help
    assert "of no class" not in problem.help


# ---------------------------------------------------------------- channels and parts


def test_grey_and_four_channels_go_through_batches(tmp_path: Path):
    root = write_folder(tmp_path)
    rng = np.random.default_rng(0)
    for n in range(3):
        for part in ("train", "val"):
            pixels = rng.integers(0, 256, (6, 8, 4), np.uint8)
            pixels[..., 3] = 0  # what Pillow calls opacity must not reach the others
            write(root / "images" / part / f"{n:02d}.png", pixels)
    for channels, mean, deviation in ((1, 0.449, 0.226), (4, 0.5, 0.25)):
        train = open_data("folder", {"path": str(root), "channels": channels, "resize": [12, 16]}).train
        assert check_data(train) == []
        assert train[0].image.shape == (12, 16, channels)
        batch = Batches(train, 2, Augmentation((10, 20), colour=0.5), seed=0).batch(0)
        assert batch.images_B3HW.shape == (2, channels, 10, 20)
        plain = whole(train, 0).images_B3HW[0, -1].numpy() * deviation + mean
        assert np.allclose(plain * 255, train[0].image[..., -1], atol=1e-3)
        assert train[0].image[..., 0].std() > 20
    assert (recoloured(train[0].image, 0, 1, 1)[..., 3] == train[0].image[..., 3]).all()


def test_an_image_without_a_fourth_channel_is_named(tmp_path: Path):
    root = write_folder(tmp_path)
    train = open_data("folder", {"path": str(root), "channels": 4}).train
    assert [d.code for d in check_data(train)] == ["ARCH941"] * 3


def test_several_parts_are_trained_on_and_it_is_known_what_is_scored_too(tmp_path: Path):
    write_folder(tmp_path, parts=["train", "val", "test"])
    both = open_data("folder", {"path": str(tmp_path), "train": "train+val"})
    assert (len(both.train), len(both.val), trained_too(both)) == (6, 3, 3)
    apart = open_data("folder", {"path": str(tmp_path), "train": "train+val", "split": "test"})
    assert (len(apart.train), trained_too(apart)) == (6, 0)
    held = open_data("folder", {"path": str(tmp_path), "train": "train+val", "split": 0.5})
    assert (len(held.train), len(held.val), trained_too(held)) == (3, 3, 0)
    assert len(open_part("folder", {"path": str(tmp_path)}, "train+val+test")) == 9


def test_a_dataset_without_samples_has_nothing_labelled():
    found = inspect(Numbered(0))
    assert (found.problems, found.pixels_NK.shape, found.labels.sum()) == ((), (0, 200), 0)
    assert [d.code for d in about(Numbered(0))] == ["ARCH943"]
