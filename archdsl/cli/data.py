"""`--data camvid:PATH`: the data that verbs train on and score with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import click

from archdsl.cli.numbers import plural
from archdsl.cli.settings import parse_value
from archdsl.diagnostics import SpecError

if TYPE_CHECKING:
    from archdsl.data.checking import Inspection, Shares
    from archdsl.data.dataset import Dataset, Splits
    from archdsl.runs.processes import Processes

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
        settings[key] = _READ.get(key, parse_value)(value)
    return DataWord(text, kind, settings)


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


def open_splits(word: DataWord) -> Splits:
    """The training and the validation part.  Raises SpecError."""
    from archdsl.data.opening import open_data

    with explained(word):
        return open_data(word.kind, word.settings, None)


def open_part(word: DataWord, part: str) -> Dataset:
    """One part alone: train, val, or another that the data has.  Raises SpecError."""
    from archdsl.data.opening import open_part as opened

    with explained(word):
        return opened(word.kind, word.settings, part)


@contextmanager
def explained(word: DataWord) -> Iterator[None]:
    """Adds to findings about settings that a path may have been taken for one."""
    try:
        yield
    except SpecError as error:
        if "path" in word.settings or "=" not in word.text or error.diagnostics[0].code != "ARCH906":
            raise
        rest = word.text.partition(":")[2]
        first = error.diagnostics[0]
        help = f"if `{rest}` is a folder, write {word.kind}:./{rest}"
        told = replace(first, help=f"{first.help}; {help}" if first.help else help)
        raise SpecError([told, *error.diagnostics[1:]]) from None


def demand_sound(train: Dataset, val: Dataset) -> Shares:
    """Shares of classes in the images to train on, after a look at every file of both parts.

    Raises SpecError with everything that is wrong; what is worth knowing is printed.
    """
    return _inspected({"to train on": train, "to validate on": val})["to train on"].shares


def weights_by_rule(
    rule: str | None, shares: Shares | None, classes: Sequence[str], here: Processes
) -> tuple[float, ...] | None:
    """Class weights by a rule, in every process, from shares that the first one counted; they are printed.

    Raises SpecError (ARCH944).
    """
    if rule is None:
        return None
    import torch

    from archdsl.data.checking import Shares
    from archdsl.train.class_weights import class_weights

    counted = torch.zeros(2, len(classes), dtype=torch.int64)
    if shares is not None:
        counted = torch.tensor([shares.pixels, shares.in_images])
    pixels, in_images = here.sum(counted).tolist()
    found = class_weights(rule, Shares(tuple(pixels), tuple(in_images)), classes)
    if here.is_first:
        both = zip(classes, found, strict=True)
        click.echo(f"class weights: {', '.join(f'{name} {weight:.3g}' for name, weight in both)}")
    return found


def demand_scorable(dataset: Dataset) -> None:
    """Looks at every file of a part that is scored; raises and prints as `demand_sound`."""
    _inspected({"to score": dataset})


def _inspected(datasets: Mapping[str, Dataset]) -> dict[str, Inspection]:
    from archdsl.cli.findings import print_findings
    from archdsl.data.checking import inspect
    from archdsl.data.faults import grouped
    from archdsl.data.labelling import about_labels

    found = {use: inspect(dataset) for use, dataset in datasets.items()}
    about = [
        problem
        for use, dataset in datasets.items()
        for problem in (*found[use].problems, *about_labels(dataset, found[use], use, use == "to train on"))
    ]
    errors = [problem for problem in about if problem.severity == "error"]
    if errors:
        raise SpecError(grouped(errors))
    print_findings(about, err=True)
    for use, dataset in datasets.items():
        for told in getattr(dataset, "left_out", ()):
            click.echo(f"not read among the images {use}: {told}", err=True)
        if turned := found[use].turned:
            click.echo(f"{plural(turned, 'image')} {use} turned as EXIF says", err=True)
    return found
