"""A dataset of image files and mask files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from archdsl.data.channels import Channels, resampled
from archdsl.data.dataset import IGNORE, Colour, Sample
from archdsl.data.faults import failed, fault
from archdsl.data.image_files import Table, read_mask, read_turned
from archdsl.data.listing import Pair
from archdsl.data.maps import MapKind, resized_map
from archdsl.data.targets import EDGE_WIDTH
from archdsl.diagnostics import Diagnostic, SpecError

Resize = int | tuple[int, int] | None
"""The size of resized images: the longer side in pixels, or (height, width); None: not resized."""

_AT_ONCE = 2**20


@dataclass(frozen=True, eq=False)
class Files:
    """A dataset whose samples are read from files; `table` maps mask labels to class ids.

    Each entry of `pairs` is the file of an image, of its mask (if `has_masks`), and of each map in `kinds`.
    `stack` are the maps that are further channels of the images. `left_out` describes files that are not
    read; `ignored` are the labels that the setting `ignore` names.
    """

    name: str
    classes: tuple[str, ...]
    colours: tuple[Colour, ...]
    pairs: tuple[Pair, ...]
    table: Table
    resize: Resize = None
    channels: Channels = 3
    left_out: tuple[str, ...] = ()
    ignored: tuple[int, ...] = ()
    edge_width: int = EDGE_WIDTH
    kinds: tuple[MapKind, ...] = ()
    stack: tuple[str, ...] = ()
    has_masks: bool = True

    @property
    def maps(self) -> tuple[str, ...]:
        """The names of the maps."""
        return tuple(kind.name for kind in self.kinds)

    def map_files(self, i: int) -> list[tuple[MapKind, Path]]:
        """The maps of image `i` with their files."""
        return list(zip(self.kinds, self.pairs[i][1 + self.has_masks :], strict=True))

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, i: int) -> Sample:
        """Reads sample `i`. Raises SpecError (ARCH902 to ARCH905) for invalid files."""
        image_path = self.pairs[i][0]
        image, turned = read_turned(image_path, self.channels)
        if self.has_masks:
            mask, mask_turned = read_mask(self.pairs[i][1], self.table)
            if image.shape[:2] != mask.shape:
                found = FileSize.of(image, turned), FileSize.of(mask, mask_turned)
                raise SpecError([differing(self.pairs[i][1], *found)])
        else:
            mask = np.full(image.shape[:2], IGNORE, np.uint8)
        maps = maps_beside(self.map_files(i), FileSize.of(image, turned))
        if self.resize is not None:
            size = resized(image.shape[0], image.shape[1], self.resize)
            image = resampled(image, size, Image.Resampling.BILINEAR)
            mask = resampled(mask, size, Image.Resampling.NEAREST)
            maps = {name: resized_map(values, size) for name, values in maps.items()}
        return Sample(image, mask, image_path.stem, maps)

    def described(self) -> dict[str, Any]:
        """The settings of labels, channels and maps that differ from the defaults, for the manifest."""
        own = {name: np.flatnonzero(self.table == id).tolist() for id, name in enumerate(self.classes)}
        usual = self.name != "folder" or all(labels == [id] for id, labels in enumerate(own.values()))
        return {
            **({} if usual else {"labels": own}),
            **({"ignored labels": list(self.ignored)} if self.ignored else {}),
            **({"channels": self.channels} if self.channels != 3 else {}),
            **(
                {"maps": {kind.name: [kind.scale, kind.unknown, *kind.beyond] for kind in self.kinds}}
                if self.kinds
                else {}
            ),
            **({"stack": list(self.stack)} if self.stack else {}),
            **({"edge width": self.edge_width} if self.edge_width != EDGE_WIDTH else {}),
        }

    def fingerprint(self) -> str:
        """The SHA-256 of classes, labels and other settings, and of the name and contents of each file."""
        read = (
            self.name, self.classes, self.resize, *([] if self.channels == 3 else [self.channels]),
            *self.kinds, *([] if self.edge_width == EDGE_WIDTH else ["edges", self.edge_width]),
            *(["stack", self.stack] if self.stack else []),
            *[(kind.name, *kind.beyond) for kind in self.kinds if kind.beyond],
        )  # fmt: skip
        digest = hashlib.sha256(repr(read).encode() + self.table.tobytes())
        for path in (path for pair in self.pairs for path in pair):
            digest.update(path.name.encode("utf-8", "surrogateescape") + b"\0")
            _take_in(digest, path)
        return digest.hexdigest()


def resized(height: int, width: int, resize: int | tuple[int, int]) -> tuple[int, int]:
    """The size (height, width) of an image after resizing to a longer side, or to (height, width)."""
    if isinstance(resize, tuple):
        return resize
    longer = max(height, width)
    return max(1, round(height * resize / longer)), max(1, round(width * resize / longer))


def _take_in(digest: Any, path: Path) -> None:
    """Updates a hash with the size of a file and its bytes. Raises SpecError (ARCH902)."""
    try:
        with path.open("rb") as file:
            digest.update(path.stat().st_size.to_bytes(8, "little"))
            while part := file.read(_AT_ONCE):
                digest.update(part)
    except OSError as error:
        raise failed("ARCH902", "cannot read image", path, error.strerror or "") from error


class FileSize(NamedTuple):
    """The size of an image, mask or map in pixels, and whether it was rotated by its EXIF orientation."""

    height: int
    width: int
    turned: bool

    @classmethod
    def of(cls, pixels: NDArray[Any], turned: bool) -> FileSize:
        """The size of pixels (height, width) or (height, width, channels)."""
        return cls(pixels.shape[0], pixels.shape[1], turned)

    @property
    def cause(self) -> str:
        """A remark on the rotation, for messages that give the size; empty if the file was not rotated."""
        return ", rotated by its EXIF orientation" if self.turned else ""


def maps_beside(of_image: Iterable[tuple[MapKind, Path]], image: FileSize) -> dict[str, NDArray[Any]]:
    """Reads the maps of an image; returns them by name.

    Raises SpecError as `MapKind.read`, and ARCH905 for a map of another size than the image's.
    """
    maps = {}
    for kind, path in of_image:
        values, turned = kind.read(path)
        if values.shape[:2] != image[:2]:
            found = FileSize.of(values, turned)
            raise SpecError([differing(path, image, found, f"`{kind.name}`")])
        maps[kind.name] = values
    return maps


def differing(path: Path, image: FileSize, found: FileSize, what: str = "mask") -> Diagnostic:
    """The diagnostic ARCH905 for the file of a mask or map (`what`) whose size differs from its image's."""
    return fault(
        "ARCH905",
        f"image and {what} differ in size",
        path,
        f"the {what} has {found.height} × {found.width} pixels{found.cause}, "
        f"the image {image.height} × {image.width}{image.cause}",
        f"resize the {what} to the size of its image",
    )
