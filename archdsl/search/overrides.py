"""Overrides settings of a differentiable search from the command line or Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archdsl.diagnostics import closest
from archdsl.lang.habits import setting_form
from archdsl.search.config import SearchConfig
from archdsl.search.differentiable.samplers import changed
from archdsl.search.terms import cannot
from archdsl.spec.units import quantity

_OF_CONFIG = (
    "epochs",
    "batch",
    "gates_from",
    "order",
    "clip",
    "share",
    "init",
    "calibrate",
    "refine",
    "refine_epochs",
)
_TIME = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|min|h)")
_OF_SAMPLER = ("sampler", "tau", "end", "schedule", "start")
_OF_DATA = ("path", "crop", "images", "resize", "batch")

OVERRIDES = tuple(
    dict.fromkeys(
        (
            *_OF_CONFIG,
            *_OF_SAMPLER,
            "lr",
            "architecture_lr",
            "communicate",
            "residual",
            "budget",
            "data",
            *_OF_DATA,
        )
    )
)
"""The names of the settings that can be overridden."""


def overridden(config: SearchConfig, given: Mapping[str, Any]) -> SearchConfig:
    """The settings with overrides by name.

    Raises SpecError (ARCH606) for unknown names and invalid values.
    """
    unknown = [key for key in given if key not in OVERRIDES]
    if unknown:
        guess = closest(unknown[0], list(OVERRIDES))
        form = setting_form(unknown[0], OVERRIDES)
        there = f"available: {', '.join(OVERRIDES)}"
        help = form or (f"did you mean `{guess}`?" if guess else there)
        raise cannot(f"a search has no setting `{unknown[0]}`", help)
    data = {key: given[key] for key in _OF_DATA if key in given}
    link = given.get("communicate", config.communication.link)
    if "residual" in given and link not in ("dense", "gcn"):
        raise cannot(f"`residual` has no effect with `communicate = {link}`", "communicate=gcn residual=0.5")
    return replace(
        with_data(config, given.get("data", config.data), data),
        **{key: given[key] for key in _OF_CONFIG if key in given},
        budget_s=seconds(given["budget"]) if "budget" in given else config.budget_s,
        sampler=changed(config.sampler, given),
        communication=replace(
            config.communication, **_renamed(given, communicate="link", residual="residual")
        ),
        parameters=replace(config.parameters, **_renamed(given, lr="lr")),
        architecture=replace(config.architecture, **_renamed(given, architecture_lr="lr")),
    )


def with_data(config: SearchConfig, kind: str, settings: Mapping[str, Any]) -> SearchConfig:
    """The settings with another dataset or dataset settings.

    Settings of the previous dataset are kept if `kind` is the same, otherwise only `batch`.
    """
    kept = {k: v for k, v in config.data_settings.items() if kind == config.data or k == "batch"}
    return replace(config, data=kind, data_settings={**kept, **settings})


def seconds(value: Any) -> float:
    """Parses a duration such as `90s`, `10min` or `2h` to seconds.

    Raises SpecError (ARCH606) for other text.
    """
    found = _TIME.fullmatch(str(value))
    if found is None or float(found[1]) == 0:
        raise cannot(f"`budget` must be a duration, got {value}", "write budget=90s, 10min or 2h")
    return quantity(float(found[1]), found[2]).amount / 1000


def _renamed(given: Mapping[str, Any], **names: str) -> dict[str, Any]:
    return {field: given[key] for key, field in names.items() if key in given}
