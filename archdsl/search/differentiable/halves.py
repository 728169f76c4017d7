"""Halves of a dataset, on which weights and architecture are trained in first-order bilevel optimization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.data.dataset import Dataset, Sample


@dataclass(frozen=True, eq=False)
class Half:
    """Half of a dataset: the samples with even (`odd` = 0) or odd (`odd` = 1) indices."""

    of: Dataset
    odd: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.of, name)

    def __len__(self) -> int:
        return (len(self.of) + 1 - self.odd) // 2

    def __getitem__(self, i: int) -> Sample:
        return self.of[2 * i + self.odd]
