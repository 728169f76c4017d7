"""A folder of scenes with a second image of each and its depths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from archdsl.data import open_data
from archdsl.data.camvid import CLASSES

SETTINGS = f"folder:rooms,classes={'+'.join(CLASSES)},maps=right+depth,map_channels=3+1,map_scale=0.01"
"""What `--data` reads of the folder, from the one in which it lies."""


def write_rooms(root: Path = Path(), images: int = 4, size: tuple[int, int] = (32, 64)) -> Path:
    """Scenes with images moved by some columns as those of a right camera, and depths in centimetres."""
    data = open_data("synthetic", {"images": images, "size": size})
    for part, dataset in (("train", data.train), ("val", data.val)):
        for kind in ("images", "right", "masks", "depth"):
            (root / "rooms" / kind / part).mkdir(parents=True, exist_ok=True)
        for n in range(len(dataset)):
            sample = dataset[n]
            depth = np.rint(100 * np.nan_to_num(sample.maps["depth"])).astype(np.uint16)
            drawn = {"images": sample.image, "right": np.roll(sample.image, 3, 1), "masks": sample.mask}
            for kind, pixels in {**drawn, "depth": depth}.items():
                Image.fromarray(pixels).save(root / "rooms" / kind / part / f"{n}.png")
    return root / "rooms"
