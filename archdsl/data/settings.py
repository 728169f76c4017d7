"""The settings of a dataset, as a search gives them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from archdsl.configs.datasets import DATASETS
from archdsl.data.dataset import Colour
from archdsl.diagnostics import Diagnostic, SpecError, closest
from archdsl.spec.search_values import Formula


def colour_of(word: str) -> Colour:
    """The colour that is written `#rrggbb`.  Raises ValueError."""
    if len(word) != 7 or word[0] != "#":
        raise ValueError(f"`{word}` is not a colour such as #804080")
    return int(word[1:3], 16), int(word[3:5], 16), int(word[5:7], 16)


def _several(value: Any) -> Any:
    """One number, a list of them, or a range `1..19` whose ends both count."""
    if isinstance(value, Formula) and value.op == ".." and all(type(end) is int for end in value.args):
        first, last = value.args
        return tuple(range(first, min(last, 255) + 1))  # type: ignore[operator, arg-type, type-var]
    return (value,) if isinstance(value, int) else value


def _colour(value: Any) -> Any:
    return colour_of(value) if isinstance(value, str) else value


_Side = Annotated[int, Field(ge=1, le=2**14)]
_SceneSide = Annotated[int, Field(ge=32, le=2**12)]
_Share = Annotated[float, Field(gt=0, lt=1)]
_Label = Annotated[int, Field(ge=0, le=255)]
_Labels = Annotated[tuple[_Label, ...], BeforeValidator(_several)]
_Byte = Annotated[int, Field(ge=0, le=255)]
_Colour = Annotated[tuple[_Byte, _Byte, _Byte], BeforeValidator(_colour)]


class Settings(BaseModel):
    """`batch`, `crop`, `scale` and `flip` are for those who make batches.

    `train` names the parts to train on, joined by `+`; `split` a share of them to validate on, or the name of
    the part to validate on.  `resize` is the longer side or [height, width].  `ignore` are labels in masks
    for pixels of no class; `labels` those of each class, in the order of classes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    path: str | None = None
    classes: tuple[str, ...] | None = None
    labels: Annotated[tuple[_Labels, ...], BeforeValidator(_several)] | None = None
    ignore: _Labels = ()
    colours: tuple[_Colour, ...] | None = None
    channels: Literal[1, 3, 4] = 3
    batch: int | None = Field(None, ge=1)
    crop: tuple[_Side, _Side] | None = None
    resize: _Side | tuple[_Side, _Side] | None = None
    train: str = Field("train", pattern=r"^\w[\w-]*(\+\w[\w-]*)*$")
    split: _Share | Annotated[str, Field(pattern=r"^\w[\w-]*$")] | None = None
    scale: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = None
    flip: bool | None = None
    images: int = Field(64, ge=1, le=2**20)
    size: tuple[_SceneSide, _SceneSide] = (96, 192)
    seed: int = Field(0, ge=0, lt=2**63)


def read_settings(kind: str, settings: Mapping[str, Any]) -> Settings:
    """Checked settings.  Raises SpecError (ARCH906) with every one that is wrong."""
    if not isinstance(kind, str) or kind not in DATASETS:  # a setting from outside may be a number
        kind = str(kind)
        is_folder = os.path.isdir(kind)  # False for names too long for a file system, which `Path` raises for
        folder = f"; for a folder of images and masks write `folder:{kind}`" if is_folder else ""
        raise SpecError([_refused(f"unknown dataset `{kind}`", kind, tuple(DATASETS), folder)])
    known = DATASETS[kind].settings
    unknown = [
        _refused(f"`{kind}` has no setting `{s}`", s, tuple(known)) for s in settings if s not in known
    ]
    if unknown:
        raise SpecError(unknown)
    wrong = [
        Diagnostic("ARCH906", f"`{key}` of `{kind}` cannot be {value}", help=known[key].takes())
        for key, value in settings.items()
        if not known[key].accepts(_plain(value))
    ]
    if wrong:
        raise SpecError(wrong)
    try:
        return Settings(**settings)
    except ValidationError as error:
        raise SpecError([_wrong(kind, e["loc"], e["msg"]) for e in error.errors()]) from error


def _plain(value: Any) -> Any:
    """A value as forms look at it: lists of manifests, and ranges, are tuples."""
    several = _several(value) if isinstance(value, Formula) else value
    return tuple(map(_plain, several)) if isinstance(several, list | tuple) else several


def _refused(headline: str, word: str, known: tuple[str, ...], more: str = "") -> Diagnostic:
    guess = closest(word, list(known))
    listed = f"there are {', '.join(known)}{more}"
    return Diagnostic("ARCH906", headline, help=f"did you mean `{guess}`? {listed}" if guess else listed)


def _wrong(kind: str, where: tuple[int | str, ...], message: str) -> Diagnostic:
    reason = message.removeprefix("Value error, ")
    return Diagnostic("ARCH906", f"`{where[0]}` of `{kind}`: {reason[0].lower()}{reason[1:]}")
