"""Parses dataset specifications such as `camvid:PATH,resize=480`: a kind and settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.spec.from_text import parse_value

if TYPE_CHECKING:
    from archdsl.data.dataset import Dataset, Splits


SEARCH_SETTINGS = ("batch", "crop", "scale", "flip")
"""Settings of batches; trainings have options of the same names."""
_NEXT = re.compile(r",(?=[a-z_]+=)")


@dataclass(frozen=True)
class DataSource:
    """A kind of dataset with settings; `text` is the original command-line text."""

    kind: str
    settings: Mapping[str, Any]
    text: str = ""

    def open(self, base: Path | None = None) -> Splits:
        """Opens the training and validation splits. Raises SpecError as `open_data`."""
        from archdsl.data.opening import open_data

        with self.explained():
            return open_data(self.kind, self.settings, base)

    def open_part(self, part: str) -> Dataset:
        """Opens a single split: train, val, or another one. Raises SpecError as `open_data`."""
        from archdsl.data.opening import open_part

        with self.explained():
            return open_part(self.kind, self.settings, part)

    def outside_searches(self, instead: str) -> DataSource:
        """This source. Raises SpecError (ARCH906), with the help `instead`, for settings of searches."""
        unread = [f"`{name}`" for name in SEARCH_SETTINGS if name in self.settings]
        if unread:
            headline = f"{' and '.join(unread)} of `{self.kind}`: settings of data for searches only"
            raise SpecError([Diagnostic("ARCH906", headline, help=instead)])
        return self

    @contextmanager
    def explained(self) -> Iterator[None]:
        """A context manager that adds a hint to errors in settings: a path with `=` may have been read as
        settings.
        """
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


def parse_data(text: str) -> DataSource:
    """Parses a kind, an optional path, and settings: `camvid:PATH,resize=480`.

    Raises SpecError (ARCH906) for a setting that is given twice.
    """
    kind, _, rest = text.partition(":")
    parts = _NEXT.split(rest) if rest else []
    settings: dict[str, Any] = {}
    if parts and not re.match(r"[a-z_]+=", parts[0]):
        settings["path"] = parts.pop(0)
    for part in parts:
        key, _, value = part.partition("=")
        if key in settings:
            what = f"`{key}` of `{kind}` is set twice"
            raise SpecError([Diagnostic("ARCH906", what, help=f"remove one of them; in data: {text}")])
        settings[key] = _READ.get(key, parse_value)(value)
    return DataSource(kind, settings, text)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split("+"))


def _labels(text: str) -> Any:
    """Parses labels for each class: `7+8/9+26`, where `8/9` are the labels of one class; or `1..19`."""
    if match := re.fullmatch(r"(\d{1,3})\.\.(\d{1,3})", text):
        return tuple(range(int(match[1]), min(int(match[2]), 256) + 1))
    entries = (tuple(map(parse_value, entry.split("/"))) for entry in text.split("+"))
    return tuple(entry[0] if len(entry) == 1 else entry for entry in entries)


def _for_each(text: str) -> Any:
    """Parses a number for each map, `3+1`, or a list, `[3, 1]`."""
    if text.startswith("["):
        return parse_value(text)
    found = tuple(map(parse_value, _PLUS.split(text)))
    return found if len(found) > 1 else found[0]


def _for_each_channel(text: str) -> Any:
    """Parses numbers for each channel of each map: `0.5/0.4/0.4+2` for 3 and 1 channels; or a list."""
    if text.startswith("["):
        return parse_value(text)
    return tuple(tuple(map(parse_value, entry.split("/"))) for entry in _PLUS.split(text))


_PLUS = re.compile(r"(?<![eE])\+")
_READ: dict[str, Callable[[str], Any]] = {
    "path": str, "train": str, "classes": _words, "maps": _words, "stack": _words, "colours": _words,
    "labels": _labels, "ignore": _labels, "map_scale": _for_each, "map_unknown": _for_each,
    "map_channels": _for_each, "map_mean": _for_each_channel, "map_std": _for_each_channel,
}  # fmt: skip
"""The functions that parse settings which have a different syntax on the command line than in specs."""
