"""What the images of trained weights have as further channels, as metadata of their file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archdsl.data.dataset import Dataset
from archdsl.data.maps import UNKNOWN, MapKind
from archdsl.data.targets import read_maps, stack_of
from archdsl.ir import Graph

INPUTS = "inputs"
"""The metadata key; weights of a network that reads images alone have none."""


class _Map(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    scale: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    unknown: int | None = Field(default=UNKNOWN, ge=0, le=65535)


class _Inputs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    maps: dict[str, _Map] = Field(default_factory=dict)
    stack: tuple[str, ...] = Field(default=(), strict=False)


@dataclass(frozen=True)
class ReadInputs:
    """The maps that a network reads: how their files are read, and those that are channels of the image."""

    kinds: Mapping[str, MapKind]
    stack: tuple[str, ...] = ()


def inputs_metadata(graph: Graph, dataset: Dataset) -> dict[str, str]:
    """The entry of a network that was trained on a dataset; none if it reads images alone."""
    read = read_maps(dataset, graph)
    if not read:
        return {}
    kinds = {kind.name: kind for kind in getattr(dataset, "kinds", ())}
    maps = {
        name: _Map(scale=kinds[name].scale, unknown=kinds[name].unknown) for name in read if name in kinds
    }
    return {INPUTS: _Inputs(maps=maps, stack=stack_of(dataset)).model_dump_json()}


def read_inputs_of(metadata: Mapping[str, str]) -> ReadInputs:
    """The maps in the metadata of a file of weights."""
    try:
        found = _Inputs.model_validate_json(metadata.get(INPUTS, "{}"))
    except ValidationError:  # weights from another program, with another format
        return ReadInputs({})
    kinds = {name: MapKind(name, one.scale, one.unknown) for name, one in found.maps.items()}
    return ReadInputs(kinds, found.stack)
