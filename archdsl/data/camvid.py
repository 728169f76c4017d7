"""CamVid in the layout of SegNet: `train/`, `trainannot/`, `val/`, `valannot/`, `test/`, `testannot/`.

Brostow, Fauqueur, Cipolla, Pattern Recognition Letters 30(2), 2009; licence CC BY-NC.
"""

from __future__ import annotations

from pathlib import Path

from archdsl.configs import datasets
from archdsl.data.dataset import IGNORE
from archdsl.data.files import Files
from archdsl.data.image_files import labels
from archdsl.data.listing import files, images, left_out, pairs, without_image

CLASSES = (
    "sky", "building", "pole", "road", "sidewalk", "tree",
    "sign", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
COLOURS = (
    (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (0, 0, 192), (128, 128, 0),
    (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
)  # fmt: skip
_VOID = 11


def camvid(root: Path, part: str, settings: datasets.Files | None = None) -> Files:
    """Lists the files of a split of CamVid, such as `train`. Raises SpecError (ARCH900, ARCH901, ARCH909)."""
    table = labels({id: id for id in range(len(CLASSES))} | {_VOID: IGNORE})
    masks_in = root / f"{part}annot"
    photos, masks = images(root / part), files(masks_in)
    found = pairs(photos, masks, masks_in)
    others = (*left_out(root / part), *without_image(photos, masks))
    return Files("camvid", CLASSES, COLOURS, found, table, left_out=others)
