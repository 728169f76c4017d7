"""The settings of a dataset, as a search gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archdsl.diagnostics import Diagnostic, SpecError, closest
from archdsl.spec.search import VOCABULARY

KINDS = ("synthetic", "camvid", "cityscapes", "folder")

_Side = Annotated[int, Field(ge=1, le=2**14)]
_SceneSide = Annotated[int, Field(ge=32, le=2**12)]
_Share = Annotated[float, Field(gt=0, lt=1)]


class Settings(BaseModel):
    """`batch`, `crop`, `scale` and `flip` are for those who make batches.

    `resize` is the longer side or [height, width]; `split` a share of the training part to validate on, or
    the name of the part to validate on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)

    path: str | None = None
    classes: tuple[str, ...] | None = None
    batch: int | None = Field(None, ge=1)
    crop: tuple[_Side, _Side] | None = None
    resize: _Side | tuple[_Side, _Side] | None = None
    split: _Share | Annotated[str, Field(pattern=r"^\w[\w-]*$")] | None = None
    scale: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = None
    flip: bool | None = None
    images: int = Field(64, ge=1, le=2**20)
    size: tuple[_SceneSide, _SceneSide] = (96, 192)
    seed: int = Field(0, ge=0, lt=2**63)


def read_settings(kind: str, settings: Mapping[str, Any]) -> Settings:
    """Checked settings.  Raises SpecError (ARCH906) with every one that is wrong."""
    if kind not in KINDS:
        raise SpecError([_refused(f"there is no dataset `{kind}`", kind, KINDS)])
    known = VOCABULARY[kind] or ()
    unknown = [_refused(f"`{kind}` has no setting `{s}`", s, known) for s in settings if s not in known]
    if unknown:
        raise SpecError(unknown)
    try:
        return Settings(**settings)
    except ValidationError as error:
        raise SpecError([_wrong(kind, e["loc"], e["msg"]) for e in error.errors()]) from error


def _refused(headline: str, word: str, known: tuple[str, ...]) -> Diagnostic:
    guess = closest(word, list(known))
    listed = f"there are {', '.join(known)}"
    return Diagnostic("ARCH906", headline, help=f"did you mean `{guess}`? {listed}" if guess else listed)


def _wrong(kind: str, where: tuple[int | str, ...], message: str) -> Diagnostic:
    return Diagnostic("ARCH906", f"`{where[0]}` of `{kind}`: {message[0].lower()}{message[1:]}")
