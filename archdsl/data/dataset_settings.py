"""Checks and converts the settings of a dataset."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from archdsl.configs.datasets import DATASETS
from archdsl.diagnostics import Diagnostic, SpecError, closest
from archdsl.spec.search_values import plain, written


def read_settings(kind: str, settings: Mapping[str, Any]) -> Any:
    """The config (`archdsl.configs.datasets`) of a kind of dataset with these settings.

    Raises SpecError (ARCH906) for an unknown kind, and for all invalid settings.
    """
    if not isinstance(kind, str) or kind not in DATASETS:  # an override may be a number
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
        Diagnostic("ARCH906", f"`{key}` of `{kind}` must be {known[key].expected()}, got {written(value)}")
        for key, value in settings.items()
        if not known[key].accepts(_plain(value))
    ]
    if wrong:
        raise SpecError(wrong)
    return DATASETS[kind].config(**{key: known[key].read(_plain(value)) for key, value in settings.items()})


def _plain(value: Any) -> Any:
    """A value as `archdsl.configs.forms` expects: lists and inclusive ranges (`1..19`) become tuples."""
    found = plain(value)
    return tuple(map(_plain, found)) if isinstance(found, list | tuple) else found


def _refused(headline: str, word: str, known: tuple[str, ...], more: str = "") -> Diagnostic:
    guess = closest(word, list(known))
    listed = f"available: {', '.join(known)}{more}"
    return Diagnostic("ARCH906", headline, help=f"did you mean `{guess}`? {listed}" if guess else listed)
