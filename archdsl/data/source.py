"""Data by name and settings, as a command line, a manifest or a caller gives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.diagnostics import SpecError

if TYPE_CHECKING:
    from archdsl.data.dataset import Dataset, Splits


@dataclass(frozen=True)
class DataSource:
    """A kind of data and its settings; `text` is how a command line wrote it."""

    kind: str
    settings: Mapping[str, Any]
    text: str = ""

    def open(self, base: Path | None = None) -> Splits:
        """The training and the validation part.  Raises SpecError as `archdsl.data.opening.open_data`."""
        from archdsl.data.opening import open_data

        with self.explained():
            return open_data(self.kind, self.settings, base)

    def open_part(self, part: str) -> Dataset:
        """One part alone: train, val, or another that the data has.  Raises SpecError."""
        from archdsl.data.opening import open_part

        with self.explained():
            return open_part(self.kind, self.settings, part)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Adds to findings about settings that a path may have been read as one."""
        try:
            yield
        except SpecError as error:
            first = error.diagnostics[0]
            if "path" in self.settings or "=" not in self.text or first.code != "ARCH906":
                raise
            rest = self.text.partition(":")[2]
            help = f"if `{rest}` is a folder, write {self.kind}:./{rest}"
            advised = replace(first, help=f"{first.help}; {help}" if first.help else help)
            raise SpecError([advised, *error.diagnostics[1:]]) from None
