"""What a search tells while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from archdsl.search.result import Result


@dataclass(frozen=True)
class Progress:
    """What happened: after a step, where `found` is there after an epoch, where `tried` networks were
    trials, or were trained at the end, after one of these, of which `loss` is the objective, and where
    `scratch` names a network after an epoch of the training from scratch that compares it with another."""

    step: int
    steps: int
    epoch: int
    epochs: int
    loss: float
    task: float
    costs: Mapping[str, float]
    depths: Mapping[str, float] = field(default_factory=dict)
    """The mean depth by each decision of depth."""
    miou: float | None = None
    found: Result | None = None
    tried: int = 0
    to_try: int = 0
    failed: int = 0
    """Networks whose evaluation failed."""
    best: tuple[str, float | None] | None = None
    """Of a search by trials: its first objective, and the best value so far."""
    scratch: str = ""


Report = Callable[[Progress], None]
