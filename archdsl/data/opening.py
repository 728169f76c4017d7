"""Opens datasets by name: lists their folders without reading files, which `check_data` does."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from archdsl.configs import datasets
from archdsl.configs.datasets import DATASETS
from archdsl.data.dataset import IGNORE, Dataset, Splits
from archdsl.data.dataset_settings import read_settings
from archdsl.data.faults import failed
from archdsl.data.files import Files
from archdsl.data.maps import kinds_of, stacked, with_maps
from archdsl.diagnostics import Diagnostic, SpecError

Opener = Callable[[Path, str, Any], Files]
"""A function of root folder, name of a split and config that returns the split."""


def open_data(kind: str, settings: Mapping[str, Any], base: Path | None = None) -> Splits:
    """Opens the training and validation splits of a dataset; the setting `path` is relative to `base`.

    Raises SpecError: ARCH906 for invalid settings; ARCH900, ARCH901, ARCH907 and ARCH909 for invalid folders.
    """
    read = read_settings(kind, settings)
    maker = DATASETS[kind].made_by()
    if not DATASETS[kind].has_files:
        made: Splits = maker(read)
        return made
    root = _root(kind, read.path, base)
    train = _joined(maker, root, read.train, read)
    if isinstance(read.split, float):
        return _shared(train, read.split)
    return Splits(train, _part(maker, root, read.split or "val", read))


def trained_too(splits: Splits) -> int:
    """The number of validation images that are also training images."""
    if not isinstance(splits.train, Files) or not isinstance(splits.val, Files):
        return 0
    trained = {pair[0] for pair in splits.train.pairs}
    return sum(pair[0] in trained for pair in splits.val.pairs)


def open_part(kind: str, settings: Mapping[str, Any], part: str, base: Path | None = None) -> Dataset:
    """Opens a single split of a dataset, such as "test"; the other splits may be missing.

    "train" and "val" stand for the splits named by the settings `train` and `split`. Raises SpecError as
    `open_data`.
    """
    read = read_settings(kind, settings)
    if not DATASETS[kind].has_files or isinstance(read.split, float):
        if part not in ("train", "val"):
            help = "available: train, val"
            raise SpecError([Diagnostic("ARCH906", f"`{kind}` has no split `{part}` here", help=help)])
        both = open_data(kind, settings, base)
        return both.train if part == "train" else both.val
    name = {"train": read.train, "val": str(read.split or "val")}.get(part, part)
    if not re.fullmatch(r"\w[\w-]*(\+\w[\w-]*)*", name):
        raise SpecError(
            [Diagnostic("ARCH906", f"invalid split name `{name}`", help="use train, val or test")]
        )
    return _joined(DATASETS[kind].made_by(), _root(kind, read.path, base), name, read)


def _root(kind: str, path: str | None, base: Path | None) -> Path:
    if path is None:
        raise SpecError(
            [Diagnostic("ARCH906", f"missing `path` of `{kind}`", help=f'{kind}(path = "path/to/folder")')]
        )
    root = (base or Path()) / os.path.expanduser(path)  # that of Path raises for unknown users
    if not os.path.isdir(root):  # that of Path raises for a name that is too long
        raise failed("ARCH900", "data not found", root, "no such folder", "check the path")
    return root


def _part(opener: Opener, root: Path, part: str, read: datasets.Files) -> Files:
    try:
        found = opener(root, part, read)
    except SpecError as error:
        raise SpecError([_with_advice(d, part) for d in error.diagnostics]) from error
    table, kinds = found.table.copy(), kinds_of(read)
    table[list(read.ignore or ())] = IGNORE
    return replace(
        found, table=table, ignored=read.ignore or (), resize=read.resize, channels=read.channels,
        edge_width=read.edge_width, kinds=kinds, stack=stacked(read, [kind.name for kind in kinds]),
        pairs=with_maps(found.pairs, root, part, [kind.name for kind in kinds]),
    )  # fmt: skip


def _joined(opener: Opener, root: Path, names: str, read: datasets.Files) -> Files:
    """Opens and concatenates the splits in `names`, such as `train+val`.

    Raises SpecError (ARCH906) for duplicate splits, and for splits whose masks are encoded differently.
    """
    parts = names.split("+")
    if len(set(parts)) < len(parts):
        raise SpecError([Diagnostic("ARCH906", f"duplicate split in `{names}`", help="train+val")])
    found = [_part(opener, root, part, read) for part in parts]
    if any((one.table != found[0].table).any() for one in found):
        headline = f"the label images of {' and '.join(parts)} are encoded differently"
        help = "all must contain class indices, or all the same colours"
        raise SpecError([Diagnostic("ARCH906", headline, help=help)])
    return replace(
        found[0],
        pairs=tuple(pair for one in found for pair in one.pairs),
        left_out=tuple(line for one in found for line in one.left_out),
    )


def _with_advice(diagnostic: Diagnostic, part: str) -> Diagnostic:
    """Adds help to the error that the validation split is missing: hold out training images instead."""
    if diagnostic.code != "ARCH900" or part != "val":
        return diagnostic
    return replace(diagnostic, help="add it, or set `split = 0.1` to hold out a tenth of the training images")


def _shared(train: Files, share: float) -> Splits:
    """Holds out a fixed pseudo-random selection of training images, a fraction `share`, for validation.

    Raises SpecError (ARCH900) if no training images remain.
    """
    order = np.random.default_rng(0).permutation(len(train))
    held_out = set(order[: max(1, round(share * len(train)))].tolist())
    if len(held_out) == len(train):
        where = train.pairs[0][0].parent
        raise failed("ARCH900", "no training images", where, f"holding out {share} leaves no training images")
    kept = tuple(pair for n, pair in enumerate(train.pairs) if n not in held_out)
    val = tuple(pair for n, pair in enumerate(train.pairs) if n in held_out)
    return Splits(replace(train, pairs=kept), replace(train, pairs=val))
