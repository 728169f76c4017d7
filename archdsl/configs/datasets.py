"""Configs of the datasets that `data = …` of a search or the option `--data` can name; see docs/data.md."""

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
    """Settings of batching and augmentation, which all datasets have."""

    batch: int | None = setting("whole", "batch size", low=1, usual="8")
    crop: Any = setting(
        "data", "[height, width] of training crops", form=forms.SIDES, usual="the input size of the space"
    )
    scale: tuple[float, float] = setting(
        "data", "range of the random scale factor", (0.75, 1.5), form=forms.SCALE
    )
    flip: bool = setting("flag", "random horizontal flips", True)
    edge_width: int = setting(
        "whole",
        "width of the edges between classes in pixels, for losses with the target edges",
        2,
        low=1,
        high=64,
    )
    stack: Any = setting(
        "data", "maps that are appended to the images as further channels", form=forms.MAPS, usual="none"
    )


@dataclass(frozen=True)
class Synthetic(Batched):
    """Settings of generated street scenes."""

    images: int = setting("whole", "number of training scenes", 64, low=1, high=2**20)
    size: Any = setting(
        "data", "[height, width] of scenes", form=forms.SCENE, usual="the input size of the space"
    )
    seed: int = setting("whole", "seed of the scene generator", 0, high=2**63 - 1)
    split: Any = setting("data", "fraction of scenes held out for validation", form=forms.SHARE, usual="0.25")


@dataclass(frozen=True)
class Files(Batched):
    """Settings of datasets of image and mask files."""

    path: str | None = setting("text", "dataset folder, relative to the spec", usual="required")
    resize: Any = setting(
        "data",
        "resize images: length of the longer side, or [height, width]",
        form=forms.RESIZE,
        usual="original size",
    )
    train: str = setting("data", "training split", "train", form=forms.PARTS)
    split: Any = setting(
        "data",
        "validation split, or the fraction of the training split held out for it",
        form=forms.SPLIT,
        usual='"val"',
    )
    ignore: Any = setting(
        "data", "ignored labels, excluded from loss and metrics", form=forms.IGNORED, usual="255"
    )
    channels: Literal[1, 3, 4] = setting("whole", "image channels", 3, choices=(1, 3, 4))
    maps: Any = setting(
        "data",
        "folders of further targets or inputs, with a file for each image",
        form=forms.MAPS,
        usual="none",
    )
    map_scale: Any = setting(
        "data", "factor that converts the integers in the files of a map to its values", form=forms.MAP_SCALE,
        usual="1 / 255 with 8 bits, 1 / 65,535 with 16",
    )  # fmt: skip
    map_unknown: Any = setting(
        "data", 'the integer in the files of a map that marks unknown pixels; "none": all pixels are known',
        form=forms.MAP_UNKNOWN, usual="0",
    )  # fmt: skip
    map_channels: Any = setting(
        "data", "number of channels of a map; a map of 3 or 4 channels is an image, such as the right image of a stereo pair",
        form=forms.MAP_CHANNELS, usual="1",
    )  # fmt: skip
    map_mean: Any = setting(
        "data", "mean for normalizing a map that is an input of a network", form=forms.MAP_MEAN,
        usual="that of images with the same number of channels, if 3 or 4; else 0",
    )  # fmt: skip
    map_std: Any = setting(
        "data", "standard deviation for normalizing a map that is an input of a network", form=forms.MAP_STD,
        usual="that of images with the same number of channels, if 3 or 4; else 1",
    )  # fmt: skip


@dataclass(frozen=True)
class Folder(Files):
    """Settings of a folder of images and masks with classes of its own."""

    classes: Any = setting("data", "class names", form=forms.NAMES, usual="read from classes.txt")
    labels: Any = setting("data", "mask labels of each class", form=forms.LABELS, usual="0, 1, …")
    colours: Any = setting(
        "data", "class colours in pictures", form=forms.COLOURS, usual="a built-in palette"
    )


@dataclass(frozen=True)
class DatasetKind(Word):
    """A kind of dataset, such as `camvid`, which `data = …` and `--data` can name.

    It has one of two functions. `files(root, split, config)` returns a split in the folder `root` as
    `archdsl.data.files.Files`; its config has the settings of `Files`. `samples(config)`, for data that is
    not read from files, returns both splits as `archdsl.data.dataset.Splits`. Built-in kinds name the
    function as "module:attribute", so that its module is imported on first use.
    """

    files: Callable[..., Any] | str | None = None
    samples: Callable[..., Any] | str | None = None

    @property
    def has_files(self) -> bool:
        return self.files is not None

    def made_by(self) -> Callable[..., Any]:
        """The function that builds the dataset."""
        maker = self.files or self.samples
        found: Callable[..., Any] | None = imported(maker) if isinstance(maker, str) else maker
        assert found is not None
        return found


# fmt: off
DATASETS: dict[str, DatasetKind] = {
    "synthetic": DatasetKind("generated street scenes, 11 classes, nothing to download", Synthetic, samples="archdsl.data.synthetic:scenes"),
    "camvid": DatasetKind("CamVid in SegNet's layout, 11 classes", Files, files="archdsl.data.camvid:camvid"),
    "cityscapes": DatasetKind("Cityscapes, 19 classes", Files, files="archdsl.data.cityscapes:cityscapes"),
    "folder": DatasetKind("your own folder of images and masks", Folder, files="archdsl.data.folder:folder"),
}
# fmt: on
