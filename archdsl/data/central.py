"""A dataset whose images are cropped to their centres."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.data.dataset import Colour, Dataset, Sample
from archdsl.data.maps import MapKind, kind_of
from archdsl.data.targets import edge_width_of, maps_of, stack_of


@dataclass(frozen=True, eq=False)
class Central:
    """`dataset` with images, labels and maps cropped to their centre of `size` (height, width), if larger."""

    dataset: Dataset
    size: tuple[int, int]

    @property
    def name(self) -> str:
        return self.dataset.name

    @property
    def classes(self) -> tuple[str, ...]:
        return self.dataset.classes

    @property
    def colours(self) -> tuple[Colour, ...]:
        return self.dataset.colours

    @property
    def channels(self) -> int:
        return self.dataset.channels

    @property
    def maps(self) -> tuple[str, ...]:
        return maps_of(self.dataset)

    @property
    def stack(self) -> tuple[str, ...]:
        return stack_of(self.dataset)

    @property
    def kinds(self) -> tuple[MapKind, ...]:
        return tuple(kind_of(self.dataset, name) for name in self.maps)

    @property
    def edge_width(self) -> int:
        return edge_width_of(self.dataset)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: int) -> Sample:
        sample = self.dataset[i]
        rows, columns = (_middle(*one) for one in zip(sample.mask.shape, self.size, strict=True))
        maps = {name: values[rows, columns] for name, values in sample.maps.items()}
        return Sample(sample.image[rows, columns], sample.mask[rows, columns], sample.name, maps)

    def fingerprint(self) -> str:
        return f"{self.dataset.fingerprint()} {self.size[0]}x{self.size[1]}"


def _middle(full: int, wanted: int) -> slice:
    start = max(0, full - wanted) // 2
    return slice(start, start + min(full, wanted))
