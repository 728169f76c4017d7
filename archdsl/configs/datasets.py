"""Settings of datasets as a search or a command line names them; docs/data.md has them in full."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from archdsl.configs import forms
from archdsl.configs.setting import setting
from archdsl.configs.word import Word
from archdsl.registry import imported


@dataclass(frozen=True)
class Batched:
    """Settings of whoever makes batches."""

    batch: int | None = setting("whole", "images of a step", low=1, usual="8")
    crop: Any = setting(
        "data", "[height, width] that is trained on", form=forms.SIDES, usual="the input of the space"
    )
    scale: tuple[float, float] = setting(
        "data", "range of the factor of random resizing", (0.75, 1.5), form=forms.SCALE
    )
    flip: bool = setting("flag", "random mirror images", True)


@dataclass(frozen=True)
class Synthetic(Batched):
    """Generated street scenes."""

    images: int = setting("whole", "scenes to train on", 64, low=1, high=2**20)
    size: Any = setting(
        "data", "[height, width] of a scene", form=forms.SCENE, usual="the input of the space"
    )
    seed: int = setting("whole", "of the scenes", 0, high=2**63 - 1)
    split: Any = setting("data", "validation scenes, as a share", form=forms.SHARE, usual="0.25")


@dataclass(frozen=True)
class Files(Batched):
    """Images and masks in files."""

    path: str | None = setting("text", "folder of the data, relative to the spec", usual="required")
    resize: Any = setting("data", "longer side, or [height, width]", form=forms.RESIZE, usual="as they are")
    train: str = setting("data", "parts to train on", "train", form=forms.PARTS)
    split: Any = setting("data", "part to validate on, or a share held out", form=forms.SPLIT, usual='"val"')
    ignore: Any = setting(
        "data", "labels of pixels that count for nothing", (), form=forms.IGNORED, usual="255"
    )
    channels: Literal[1, 3, 4] = setting("whole", "channels of the images", 3, choices=(1, 3, 4))


@dataclass(frozen=True)
class Folder(Files):
    """A folder of images and masks."""

    classes: Any = setting("data", "names of the classes", form=forms.NAMES, usual="read from classes.txt")
    labels: Any = setting("data", "labels in the masks of each class", form=forms.LABELS, usual="0, 1, …")
    colours: Any = setting(
        "data", "colours of the classes, in masks and pictures", form=forms.COLOURS, usual="a palette"
    )


@dataclass(frozen=True)
class DatasetKind(Word):
    """A kind of data, which `data = …` and `--data` name.

    `files` makes a part of it from the folder that `path` names, (root, part, config) -> Files; its config has
    the settings of `Files`.  `samples`, of a kind without files, makes both parts, (config) -> Splits.  Those of archdsl are given by their places, "module:attribute", as their modules
    import numpy.
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
    "synthetic": DatasetKind("generated street scenes, 11 classes, nothing to download", Synthetic, samples="archdsl.data.synthetic:scenes"),
    "camvid": DatasetKind("CamVid in the layout of SegNet, 11 classes", Files, files="archdsl.data.camvid:camvid"),
    "cityscapes": DatasetKind("Cityscapes, 19 classes", Files, files="archdsl.data.cityscapes:cityscapes"),
    "folder": DatasetKind("images and masks in folders of your own", Folder, files="archdsl.data.folder:folder"),
}
# fmt: on
