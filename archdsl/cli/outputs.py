"""Checks that output files do not replace inputs or files of other kinds or programs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from archdsl.diagnostics import Diagnostic, SpecError

Kind = Literal[
    "spec", "layers", "ast", "ir", "shapes", "modules", "python", "onnx", "program", "weights", "table",
    "json", "html", "dot", "svg", "png", "pdf",
    "prediction",
]  # fmt: skip

PREDICTED = "archdsl predict"
"""The PNG metadata of predictions, which distinguishes them from masks and photographs."""

_HEAD = 4096
"""The number of bytes that are read to detect the kind of a file."""

_KINDS: tuple[tuple[Kind, str, bytes], ...] = (
    ("html", "an HTML page", rb"\s*(<!doctype html|<html)"),
    ("svg", "an SVG picture", rb"\s*(<svg|<(\?xml|!doctype svg|!--).*?<svg)"),
    ("prediction", "an image of predictions", rb"\x89PNG\r\n\x1a\n.*?tEXtSoftware\x00" + PREDICTED.encode()),
    ("png", "a PNG picture", rb"\x89PNG\r\n\x1a\n"),
    ("pdf", "a PDF", rb"%PDF-"),
    ("dot", "a DOT graph", rb"\s*(strict\s+)?(di)?graph\b[^{]*\{"),
    ("onnx", "an ONNX model", rb"\x08[\x01-\x7f][\x12\x1a\x22\x2a\x32\x3a\x42\x72]"),
    ("program", "a program of torch.export", rb"PK\x03\x04.{26}[^/]{1,99}/(data/|models/|archive_format)"),
    ("weights", "a safetensors file", rb".{4}\x00{4}\{"),
    ("table", "a latency table", rb"\s*\{\s*\"archdsl_latency_table\""),
    ("layers", "a layer table", rb"(network|space) [^\n{]*\([^\n]*\)\nsettings:|name\s+op\s+input\b"),
    ("layers", "a layer table", rb"\{\s*\"format\": \"archdsl/explain\""),
    ("json", "a JSON document of archdsl", rb"\s*\{\s*\"format\": \"archdsl/"),
    ("python", "Python source of archdsl", rb"\s*\"\"\"[^\n]*, (?:generated|written out) by archdsl\."),
    ("ast", "a syntax tree", rb"File\("),
    ("shapes", "a table of shapes", rb"node\s+shape\n-"),
    ("modules", "a list of modules", rb"[^\s(]+\((\n  \(|\)\n)"),
    ("spec", "a spec", rb"(\xef\xbb\xbf)?(\s|#[^\n]*\n)*arch +\d"),
    ("ir", "the text of a graph", rb"(space|network) [^\n]*\{\n"),
)  # fmt: skip
"""Kinds of files with display names and patterns of their first bytes; specific kinds come first."""

_SIGNED: tuple[Kind, ...] = ("html", "svg", "png", "pdf", "dot", "onnx", "program", "weights")
"""Kinds that other programs write too: files of archdsl contain its name near their beginning or end."""

_NAMES = {kind: name for kind, name, _ in _KINDS}
_BEGINS = [(kind, re.compile(begin, re.DOTALL | re.IGNORECASE)) for kind, _, begin in _KINDS]

overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Also overwrite inputs, and files of another kind or program."
)  # fmt: skip


@dataclass(frozen=True)
class Output:
    """A file that a command will write."""

    path: Path
    kind: Kind


def demand_free(outputs: Iterable[Output], inputs: Iterable[Path], overwrite: bool = False) -> None:
    """Raises SpecError, before anything is written, if writing would destroy data.

    ARCH932 is for two outputs with the same path; unless `overwrite`, ARCH930 is for an output that is one of
    `inputs`, and ARCH931 for an existing file of another kind or of another program. Files are compared by
    identity, following links.
    """
    found = list(outputs)
    twice = list(_twice(found))
    if twice or overwrite:
        _raise(twice)
        return
    read = {identity: path for path in inputs if (identity := _identity(path)) is not None}
    _raise([problem for one in found if (problem := _problem(one, read)) is not None])


def _raise(problems: Sequence[Diagnostic]) -> None:
    if problems:
        raise SpecError(tuple(problems))


def _problem(output: Output, read: dict[tuple[int, int], Path]) -> Diagnostic | None:
    identity = _identity(output.path)
    if identity is None:
        return None
    if identity in read:
        source = read[identity]
        also = "" if os.path.abspath(source) == os.path.abspath(output.path) else f" as {source}"
        headline = f"{output.path} is an input of this command{also}, and would be overwritten"
        return Diagnostic("ARCH930", headline, help="choose another path, or add --overwrite")
    there = kind_of(output.path)
    if there is None or (output.kind == "spec" and _is_spec_by_name(output.path)):
        return None
    what = "an unknown kind of file" if there == "other" else _NAMES[there]
    if there == output.kind:
        if there not in _SIGNED or _is_signed(output.path):
            return None
        what += " that archdsl did not write"
    headline = f"{output.path} exists as {what}, and would be overwritten by {_NAMES[output.kind]}"
    return Diagnostic("ARCH931", headline, help="choose another path, move the file, or add --overwrite")


def kind_of(path: Path) -> Kind | Literal["other"] | None:
    """The kind of a file, detected from its first bytes; None for an empty or irregular file."""
    if not path.is_file():
        return None  # writing reports the error
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if not head:
        return None
    return next((kind for kind, begin in _BEGINS if begin.match(head)), "other")


def _is_signed(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
        stream.seek(-min(_HEAD, path.stat().st_size), os.SEEK_END)
        return b"archdsl" in head or b"archdsl" in stream.read(_HEAD)


def _is_spec_by_name(path: Path) -> bool:
    """Whether a file is a spec judging by its name, although its beginning is unusual."""
    return path.suffix == ".arch" and kind_of(path) == "other"


def _twice(outputs: Sequence[Output]) -> Iterator[Diagnostic]:
    first: dict[str, Output] = {}
    for output in outputs:
        name = _spelling(output.path)
        if name in first:
            headline = f"{first[name].path} and {output.path} are the same file"
            yield Diagnostic("ARCH932", headline, help="use different names or folders")
        first.setdefault(name, output)


def _spelling(path: Path) -> str:
    """A canonical form of a path, equal for paths to the same file, even if the file does not exist yet."""
    real = os.path.realpath(path)
    folder = os.path.dirname(real)
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    return real.casefold() if _ignores_case(folder) else real


def _ignores_case(folder: str) -> bool:
    """Whether the file system of an existing folder is case-insensitive."""
    other = folder.swapcase()
    return other != folder and os.path.exists(other) and os.path.samefile(folder, other)


def _identity(path: Path) -> tuple[int, int] | None:
    """The device and inode of a file, equal for all links to it; None if it does not exist."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
