"""The inputs of a search: its datasets, and its space with as many classes as the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from archdsl.configs.datasets import DATASETS
from archdsl.data.channels import demand_channels
from archdsl.data.dataset import Dataset, Splits
from archdsl.data.maps import channels_of, channels_of_maps
from archdsl.data.opening import open_data
from archdsl.data.source import DataSource
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.passes.analyses.symbolic import infer_symbolic
from archdsl.program import Program, Space
from archdsl.search.config import SearchConfig
from archdsl.search.scores import values_of
from archdsl.spec.search_values import SearchValue
from archdsl.train.networks import demand_maps, help_on_classes
from archdsl.train.output_losses import demanded_losses, is_of_classes


def open_splits(config: SearchConfig, source: DataSource | None, space: Space, program: Program) -> Splits:
    """Opens the datasets of a search; generated scenes have the size of the space's input by default.

    Raises SpecError as `archdsl.data.opening.open_data`.
    """
    settings = dict(config.data_settings)
    kind = DATASETS.get(config.data)
    if kind is not None and "size" in (kind.settings or ()) and "size" not in settings:
        settings["size"] = tuple(next(iter(space.graph.inputs.values()))[1:])
    base = program.unit.path.parent
    with source.explained() if source is not None else nullcontext():
        return open_data(config.data, settings, base)


def with_classes(
    space: Space, data: Dataset, program: Program, given: Mapping[str, Any],
    losses: Sequence[SearchValue] | None = None,
) -> Space:  # fmt: skip
    """The space with its setting `classes` set to the number of classes of the data, unless in `given`.

    Raises SpecError: ARCH918 if the main output does not have a channel for each class (not checked if the
    formulas `losses` do not compare it with labels), ARCH942 for a different number of image channels,
    ARCH939 for a further input that is not a map of the data.
    """
    demand_maps(space.graph, channels_of_maps(data))
    classes, channels = len(data.classes), next(iter(space.graph.inputs.values()))[0]
    demand_channels(space.name, channels, channels_of(data))
    if classes and space.settings.get("classes") not in (None, classes) and "classes" not in given:
        space = program.space(space.name, **given, classes=classes)
    if losses is not None and not is_of_classes(losses, next(iter(space.graph.outputs))):
        return space
    maps = infer_symbolic(space.graph)[0][next(iter(space.graph.outputs.values()))][0]
    if maps != classes:
        headline = f"{space.name} predicts {maps} classes, but the data has {classes}"
        raise SpecError([Diagnostic("ARCH918", headline, help=help_on_classes(space.graph, classes))])
    return space


def demand_outputs(config: SearchConfig, space: Space, splits: Splits) -> None:
    """Raises SpecError (ARCH836 to ARCH839) if losses name unknown outputs, or the data cannot train them."""
    demanded_losses(values_of(config), space.graph, splits.train)
