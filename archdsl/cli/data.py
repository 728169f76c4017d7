"""`--data camvid:PATH`: the data that verbs train on and score with."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from archdsl.cli.settings import parse_value
from archdsl.diagnostics import SpecError

if TYPE_CHECKING:
    from archdsl.data.dataset import Dataset, Splits

F = TypeVar("F", bound=Callable[..., Any])

_NEXT = re.compile(r",(?=[a-z_]+=)")


@dataclass(frozen=True)
class DataWord:
    """A kind of data and its settings; `text` is how it was written."""

    text: str
    kind: str
    settings: dict[str, Any]


class _DataType(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    name = "data"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> DataWord:
        return value if isinstance(value, DataWord) else parse_data(value)


def data_option(required: bool) -> Callable[[F], F]:
    return click.option(
        "--data", type=_DataType(), required=required, metavar="KIND[:PATH][,K=V]",
        help="camvid:PATH, cityscapes:PATH, folder:PATH, or synthetic; settings follow, as in"
        " synthetic:images=32,size=64x128.",
    )  # fmt: skip


def parse_data(text: str) -> DataWord:
    """`camvid:PATH,resize=480`: a kind, a path where it needs one, and settings."""
    kind, _, rest = text.partition(":")
    parts = _NEXT.split(rest) if rest else []
    settings: dict[str, Any] = {}
    if parts and not re.match(r"[a-z_]+=", parts[0]):
        settings["path"] = parts.pop(0)
    for part in parts:
        key, _, value = part.partition("=")
        settings[key] = tuple(value.split("+")) if key == "classes" else parse_value(value)
    return DataWord(text, kind, settings)


def open_splits(word: DataWord) -> Splits:
    """The training and the validation part.  Raises SpecError."""
    from archdsl.data.opening import open_data

    return open_data(word.kind, word.settings, None)


def open_part(word: DataWord, part: str) -> Dataset:
    """One part alone: train, val, or another that the data has.  Raises SpecError."""
    from archdsl.data.opening import open_part as opened

    return opened(word.kind, word.settings, part)


def demand_sound(*datasets: Dataset) -> None:
    """Raises SpecError with everything that is wrong with the files of datasets."""
    from archdsl.data.checking import check_data

    found = [problem for dataset in datasets for problem in check_data(dataset)]
    if found:
        raise SpecError(found)
