"""Progress events of a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from archdsl.search.result import Result


@dataclass(frozen=True)
class SearchProgress:
    """A progress event, after a step.

    With `found`, after an epoch; with `tried`, after a trial or a network of the final training, whose
    objective is `loss`; with `scratch`, after an epoch of training that network from scratch.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    loss: float
    task: float
    costs: Mapping[str, float]
    depths: Mapping[str, float] = field(default_factory=dict)
    """The expected depth of each decision of depth."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """The leading score of each output, as `archdsl.train.recording.leading`."""
    found: Result | None = None
    tried: int = 0
    to_try: int = 0
    failed: int = 0
    """Networks whose evaluation failed."""
    best: tuple[str, float | None] | None = None
    """Of a search by trials: its first objective, and the best value so far."""
    scratch: str = ""
    member: str = ""
    """The architecture that was found, where several share the weights."""


Report = Callable[[SearchProgress], None]
