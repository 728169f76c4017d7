"""The maps that a trained network reads in addition to images, as metadata of its file of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)  # fmt: skip

from archdsl.configs import forms
from archdsl.data.channels import Channels
from archdsl.data.dataset import Dataset
from archdsl.data.maps import UNKNOWN, MapKind
from archdsl.data.targets import read_maps, stack_of
from archdsl.ir import Graph

INPUTS = "inputs"
"""The metadata key of the maps; absent if the network reads images alone."""


def _one(form: forms.Form) -> AfterValidator:
    """A validator (pydantic) that raises ValueError for values that a form of settings does not accept."""

    def demanded(value: Any) -> Any:
        if value is not None and not form.accepts(value):
            raise ValueError(f"expected {form.description}")
        return value

    return AfterValidator(demanded)


_Numbers = tuple[FiniteFloat, ...]


class _Map(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    scale: Annotated[float | None, _one(forms.ONE_SCALE)] = None
    unknown: Annotated[int | None, _one(forms.ONE_UNKNOWN)] = UNKNOWN
    channels: Channels = 1
    mean: Annotated[_Numbers | None, _one(forms.MAP_MEAN)] = None
    std: Annotated[_Numbers | None, _one(forms.MAP_STD)] = None

    @model_validator(mode="after")
    def _one_for_each_channel(self) -> Self:
        if any(values is not None and len(values) != self.channels for values in (self.mean, self.std)):
            raise ValueError("expected a number for each channel")
        return self


class _Inputs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    maps: dict[str, _Map] = Field(default_factory=dict)
    stack: tuple[str, ...] = Field(default=(), strict=False)


@dataclass(frozen=True)
class ReadInputs:
    """The maps that a network reads: `kinds`, how the files of each are read, and `stack`.

    Maps in `stack` are appended to the image as further channels; others are further inputs.
    """

    kinds: Mapping[str, MapKind]
    stack: tuple[str, ...] = ()

    @property
    def stacked(self) -> int:
        """The number of channels of the image input that are channels of maps."""
        return sum(self.kinds[name].channels if name in self.kinds else 1 for name in self.stack)


def inputs_metadata(graph: Graph, dataset: Dataset) -> dict[str, str]:
    """The metadata of a network trained on a dataset; empty if the network reads images alone."""
    read = read_maps(dataset, graph)
    if not read:
        return {}
    kinds = {kind.name: kind for kind in getattr(dataset, "kinds", ())}
    maps = {name: _of(kinds[name]) for name in read if name in kinds}
    return {INPUTS: _Inputs(maps=maps, stack=stack_of(dataset)).model_dump_json(exclude_unset=True)}


def _of(kind: MapKind) -> _Map:
    mean, std = kind.normalisation
    own: dict[str, Any] = {"channels": kind.channels, "mean": mean, "std": std} if kind.beyond else {}
    return _Map(scale=kind.scale, unknown=kind.unknown, **own)


def read_inputs_of(metadata: Mapping[str, str]) -> ReadInputs:
    """Reads the maps from the metadata of a file of weights; no maps if the entry is missing or invalid."""
    try:
        found = _Inputs.model_validate_json(metadata.get(INPUTS, "{}"))
    except ValidationError:  # weights from another program, with another format
        return ReadInputs({})
    kinds = {
        name: MapKind(name, one.scale, one.unknown, one.channels, one.mean, one.std)
        for name, one in found.maps.items()
    }
    return ReadInputs(kinds, found.stack)
