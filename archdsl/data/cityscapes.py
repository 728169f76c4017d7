"""Cityscapes in its official layout: `leftImg8bit/PART/CITY/`, `gtFine/PART/CITY/`.

Cordts et al., CVPR 2016 (arXiv:1604.01685); terms at cityscapes-dataset.com.
"""

from __future__ import annotations

from pathlib import Path

from archdsl.configs import datasets
from archdsl.data.dataset import IGNORE
from archdsl.data.faults import failed
from archdsl.data.files import Files
from archdsl.data.image_files import Table, labels
from archdsl.data.listing import files, files_below, left_out, pairs, without_image
from archdsl.diagnostics import SpecError

CLASSES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation",
    "terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
COLOURS = (
    (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153),
    (153, 153, 153), (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152),
    (70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70),
    (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
)  # fmt: skip
"""The colour of each class, by train id, as in the dataset's scripts (`labels.py`)."""

_EVALUATED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""The label ids of the 19 classes, in the order of their train ids."""

_IMAGE, _IDS, _TRAIN_IDS = "_leftImg8bit.png", "_gtFine_labelIds.png", "_gtFine_labelTrainIds.png"


def cityscapes(root: Path, part: str, settings: datasets.Files | None = None) -> Files:
    """Lists the files of a split of Cityscapes, such as `train`.

    Masks are the `labelIds` files, or `labelTrainIds` if there are none. Raises SpecError (ARCH900, ARCH901,
    ARCH909).
    """
    where = root / "leftImg8bit" / part
    images = files_below(where, _IMAGE)
    if not images:
        raise _without_images(where)
    masks, table = files_below(root / "gtFine" / part, _IDS), _label_ids()
    if not masks:
        masks = files_below(root / "gtFine" / part, _TRAIN_IDS)
        table = labels({id: id for id in range(len(CLASSES))})
    found = pairs(images, masks, root / "gtFine" / part, _frame)
    others = without_image(images, masks, _frame)
    return Files("cityscapes", CLASSES, COLOURS, found, table, left_out=others)


def _without_images(where: Path) -> SpecError:
    """An error for a folder without images, with its actual contents."""
    direct = len(files(where))
    there = [f"{direct:,} in the folder itself"] if direct else []
    listing = "; ".join((*there, *left_out(where, every=True))) or "the folder is empty"
    help = f"expected images named *{_IMAGE} in a folder for each city"
    return failed("ARCH900", "no readable images in the folder", where, listing, help)


def _frame(path: Path) -> str:
    """The part of a file name that an image and its masks have in common: `aachen_000000_000019`."""
    return path.name.removesuffix(_IMAGE).removesuffix(_IDS).removesuffix(_TRAIN_IDS)


def _label_ids() -> Table:
    others = dict.fromkeys(range(34), IGNORE)
    return labels(others | {label: id for id, label in enumerate(_EVALUATED)})
