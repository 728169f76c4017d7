"""`--data camvid:PATH`: the data that verbs train on and score with."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from archdsl.cli.settings import parse_value
from archdsl.data.source import DataSource

if TYPE_CHECKING:
    from archdsl.data.dataset import Dataset

F = TypeVar("F", bound=Callable[..., Any])

_NEXT = re.compile(r",(?=[a-z_]+=)")


class _DataType(click.ParamType):  # type: ignore[type-arg]  # generic in new versions of click only
    name = "data"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> DataSource:
        return value if isinstance(value, DataSource) else parse_data(value)


def data_option(required: bool) -> Callable[[F], F]:
    return click.option(
        "--data", type=_DataType(), required=required, metavar="KIND[:PATH][,K=V]",
        help="camvid:PATH, cityscapes:PATH, folder:PATH, or synthetic; settings follow, as in"
        " synthetic:images=32,size=64x128.",
    )  # fmt: skip


def parse_data(text: str) -> DataSource:
    """`camvid:PATH,resize=480`: a kind, a path where it needs one, and settings."""
    kind, _, rest = text.partition(":")
    parts = _NEXT.split(rest) if rest else []
    settings: dict[str, Any] = {}
    if parts and not re.match(r"[a-z_]+=", parts[0]):
        settings["path"] = parts.pop(0)
    for part in parts:
        key, _, value = part.partition("=")
        settings[key] = _READ.get(key, parse_value)(value)
    return DataSource(kind, settings, text)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split("+"))


def _labels(text: str) -> Any:
    """`7+8/9+26`: what stands for each class, several labels with `/`; or `1..19`.  Words stay words."""
    if match := re.fullmatch(r"(\d{1,3})\.\.(\d{1,3})", text):
        return tuple(range(int(match[1]), min(int(match[2]), 256) + 1))
    entries = (tuple(map(parse_value, entry.split("/"))) for entry in text.split("+"))
    return tuple(entry[0] if len(entry) == 1 else entry for entry in entries)


_READ: dict[str, Callable[[str], Any]] = {
    "path": str, "train": str, "classes": _words, "colours": _words, "labels": _labels, "ignore": _labels,
}  # fmt: skip
"""Settings that are read otherwise than by `parse_value`."""


def demand_scorable(dataset: Dataset) -> None:
    """Looks at every file of a part that is scored.

    Raises SpecError with everything that is wrong; what is worth knowing is printed.
    """
    from archdsl.cli.findings import print_findings
    from archdsl.data.soundness import SCORED, demand_sound

    found = demand_sound({SCORED: dataset})
    print_findings(found.findings, err=True)
    for line in found.lines:
        click.echo(line, err=True)
