"""The kinds of data that `data = …` and `--data` name: one entry a kind.

They are here, below the room that reads images, as `check` knows their settings without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from archdsl.registry import imported
from archdsl.spec.words import Word


@dataclass(frozen=True)
class DatasetKind(Word):
    """A kind of data; `settings` are those of `archdsl.data.settings.Settings` that it takes.

    `files` makes a part of it from the folder that `path` names, (root, part, settings) -> Files;
    `samples`, of a kind without files, both parts, (settings) -> Splits.  Those of archdsl are given by their
    places, "module:attribute", as their modules import numpy.
    """

    files: Callable[..., Any] | str | None = None
    samples: Callable[..., Any] | str | None = None

    @property
    def has_files(self) -> bool:
        return self.files is not None

    def made_by(self) -> Callable[..., Any]:
        """The function that makes it."""
        maker = self.files or self.samples
        found: Callable[..., Any] | None = imported(maker) if isinstance(maker, str) else maker
        assert found is not None
        return found


# fmt: off
DATASETS: dict[str, DatasetKind] = {
    "synthetic": DatasetKind(
        "generated street scenes, 11 classes, nothing to download",
        ("batch", "crop", "images", "seed", "size", "split", "scale", "flip"),
        samples="archdsl.data.synthetic:scenes",
    ),
    "camvid": DatasetKind(
        "CamVid in the layout of SegNet, 11 classes",
        ("path", "batch", "crop", "resize", "train", "split", "scale", "flip", "ignore",
         "channels"),
        files="archdsl.data.camvid:camvid",
    ),
    "cityscapes": DatasetKind(
        "Cityscapes, 19 classes",
        ("path", "batch", "crop", "resize", "train", "split", "scale", "flip", "ignore",
         "channels"),
        files="archdsl.data.cityscapes:cityscapes",
    ),
    "folder": DatasetKind(
        "images and masks in folders of your own",
        ("path", "classes", "labels", "ignore", "colours", "channels", "batch", "crop", "resize",
         "train", "split", "scale", "flip"),
        files="archdsl.data.folder:folder",
    ),
}
# fmt: on
