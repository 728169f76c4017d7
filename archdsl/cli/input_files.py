"""The option `--input NAME=DIR`: files for the inputs of a network other than the image, for `archdsl
predict`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.configs import forms

if TYPE_CHECKING:
    from archdsl.data.maps import MapKind
    from archdsl.ir import Graph
    from archdsl.train.read_inputs import ReadInputs

_SETTING = re.compile(r",(map_scale|map_unknown)=([^,]*)\Z")
_HELP = "NAME=DIR[,map_scale=NUMBER][,map_unknown=NUMBER|none]"


@dataclass(frozen=True)
class InputFiles:
    """The files for an input: a folder with one for each image, or one file; `settings` are those of its
    `MapKind`.
    """

    name: str
    path: Path
    settings: Mapping[str, Any]


class InputFilesType(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """The type of `--input`: `depth=scans/depth,map_scale=0.001`."""

    name = _HELP

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parses the name of an input, the path of its files, and settings."""
        if isinstance(value, InputFiles):
            return value
        name, equals, rest = str(value).partition("=")
        settings: dict[str, Any] = {}
        while match := _SETTING.search(rest):
            rest = rest[: match.start()]
            settings.setdefault(match[1].removeprefix("map_"), self._number(match[1], match[2], param, ctx))
        if not equals or not name or not rest:
            self.fail(f"`{value}` is not {_HELP}", param, ctx)
        path = Path(rest)
        if not path.exists():
            self.fail(f"`{name}`: {path} does not exist", param, ctx)
        return InputFiles(name, path, settings)

    def _number(self, key: str, text: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        form, number = (forms.ONE_SCALE, float) if key == "map_scale" else (forms.ONE_UNKNOWN, int)
        value: Any = text
        with suppress(ValueError):
            value = number(text)
        if not form.accepts(value):
            self.fail(f"`{key}` must be {form.description}, got `{text}`", param, ctx)
        return form.reads(value) if form.reads else value


def files_of_inputs(
    given: Sequence[InputFiles], graph: Graph, read: ReadInputs, images: Sequence[Path]
) -> list[tuple[MapKind, list[Path]]]:
    """The maps that a network reads as inputs, each with its file for every image, in the order of the
    channels.

    Raises UsageError for names of inputs that the network does not have. Raises SpecError: ARCH939 for an
    input without files, or whose channels differ from those of its files, ARCH936 for an image without a
    file, and ARCH900 for an empty folder.
    """
    from archdsl.data.channels import IMAGE_CHANNELS
    from archdsl.data.faults import grouped
    from archdsl.data.maps import MapKind, files_in
    from archdsl.diagnostics import Diagnostic, SpecError
    from archdsl.train.networks import demand_maps

    wanted = (*read.stack, *list(graph.inputs)[1:])
    named = {one.name: one for one in given}
    for one in given:
        if one.name not in wanted:
            there = f"further inputs: {', '.join(wanted)}" if wanted else "it reads images only"
            raise click.UsageError(f"--input: {graph.name} has no further input `{one.name}`; {there}")
        if sum(one.name == other.name for other in given) > 1:
            raise click.UsageError(f"--input: `{one.name}` is set twice")
    found, problems = [], []
    for name in wanted:
        if name not in named:
            headline = f"no files for the input `{name}` of {graph.name}"
            problems.append(Diagnostic("ARCH939", headline, help=f"add --input {name}=DIR"))
            continue
        one, channels = named[name], graph.inputs[name][0] if name in graph.inputs else 1
        kind = read.kinds.get(name, MapKind(name, channels=channels))
        if kind.channels != 1 and one.settings:
            setting = f"map_{next(iter(one.settings))}"
            raise click.UsageError(f"--input: `{setting}` is of maps of one channel; `{name}` has {channels}")
        if one.path.is_dir():
            own = files_in(one.path, name, images, problems, "--input")
        elif len(images) == 1:
            own = [one.path]
        else:
            raise click.UsageError(f"--input {name}: {one.path} is a file; name a folder for several images")
        found.append((replace(kind, **one.settings), own))
    if problems:
        raise SpecError(grouped(problems))
    maps = {kind.name: kind.channels if kind.channels in IMAGE_CHANNELS else 1 for kind, _ in found}
    demand_maps(graph, maps)
    return found
