"""The task of each output of a trained network, as metadata of its file of weights."""

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
"""The metadata key of the tasks of outputs; absent if the only scored output predicts classes."""

PLAIN: tuple[ScoredOutput, ...] = (ScoredOutput("", LABELS, "classes"),)
"""The scored outputs of any module: the main output, which predicts classes."""


class _Task(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    task: Task
    target: str
    scale: float | None = Field(default=None, gt=0, allow_inf_nan=False)


_READ = TypeAdapter(dict[str, _Task])


def tasks_metadata(outputs: Sequence[ScoredOutput], dataset: Dataset) -> dict[str, str]:
    """The metadata of the tasks of scored outputs; empty for a single output that predicts classes."""
    if len(outputs) == 1 and outputs[0].task == "classes":
        return {}
    scales = {kind.name: kind.scale for kind in getattr(dataset, "kinds", ())}
    found = {
        one.name: _Task(task=one.task, target=one.target, scale=scales.get(one.target)) for one in outputs
    }
    return {TASKS: _READ.dump_json(found, exclude_none=True).decode()}


def tasks_of(metadata: Mapping[str, str]) -> tuple[ScoredOutput, ...]:
    """Reads the scored outputs from the metadata of a file of weights; `PLAIN` if missing or invalid."""
    try:
        found = _READ.validate_json(metadata.get(TASKS, "{}"))
    except ValidationError:  # weights from another program, with another format
        return PLAIN
    return tuple(ScoredOutput(name, one.target, one.task, one.scale) for name, one in found.items()) or PLAIN


def of_classes(outputs: Sequence[ScoredOutput], network: Network) -> bool:
    """Whether the main output of a network is among the scored outputs that predict classes."""
    main = next(iter(network.graph.outputs))
    return any(one.task == "classes" and one.name in ("", main) for one in outputs)


def demand_targets_of(outputs: Sequence[ScoredOutput], dataset: Dataset) -> None:
    """Raises SpecError (ARCH838) if a dataset lacks the target of a scored output."""
    there = targets_of(dataset)
    for one in outputs:
        if one.target not in there:
            of = f" for the output `{one.name}`" if one.name else ""
            raise SpecError([no_target(dataset, one.target, of)])
