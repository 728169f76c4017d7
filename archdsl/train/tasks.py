"""What the outputs of trained weights predict, as metadata of their file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from archdsl.configs.word import Task
from archdsl.data.dataset import Dataset
from archdsl.data.targets import LABELS, no_target, targets_of
from archdsl.diagnostics import SpecError
from archdsl.program import Network
from archdsl.train.tallies import ScoredOutput

TASKS = "tasks"
"""The metadata key of the tasks of outputs; weights of one output of classes have none."""

PLAIN: tuple[ScoredOutput, ...] = (ScoredOutput("", LABELS, "classes"),)
"""The main output of any module, of classes."""


class _Task(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    task: Task
    target: str
    scale: float | None = Field(default=None, gt=0, allow_inf_nan=False)


_READ = TypeAdapter(dict[str, _Task])


def tasks_metadata(outputs: Sequence[ScoredOutput], dataset: Dataset) -> dict[str, str]:
    """The entry of scored outputs that a dataset has trained; none for one output of classes."""
    if len(outputs) == 1 and outputs[0].task == "classes":
        return {}
    scales = {kind.name: kind.scale for kind in getattr(dataset, "kinds", ())}
    found = {
        one.name: _Task(task=one.task, target=one.target, scale=scales.get(one.target)) for one in outputs
    }
    return {TASKS: _READ.dump_json(found, exclude_none=True).decode()}


def tasks_of(metadata: Mapping[str, str]) -> tuple[ScoredOutput, ...]:
    """The scored outputs in the metadata of a file of weights; by default, the main output, of classes."""
    try:
        found = _READ.validate_json(metadata.get(TASKS, "{}"))
    except ValidationError:  # weights from another program, with another format
        return PLAIN
    return tuple(ScoredOutput(name, one.target, one.task, one.scale) for name, one in found.items()) or PLAIN


def of_classes(outputs: Sequence[ScoredOutput], network: Network) -> bool:
    """Whether the main output of a network is one of classes."""
    main = next(iter(network.graph.outputs))
    return any(one.task == "classes" and one.name in ("", main) for one in outputs)


def demand_targets_of(outputs: Sequence[ScoredOutput], dataset: Dataset) -> None:
    """Raises SpecError (ARCH838) if outputs cannot be compared with a dataset."""
    there = targets_of(dataset)
    for one in outputs:
        if one.target not in there:
            of = f" for the output `{one.name}`" if one.name else ""
            raise SpecError([no_target(dataset, one.target, of)])
