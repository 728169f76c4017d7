"""Progress events of a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from archdsl.search.result import Result


@dataclass(frozen=True)
class SearchProgress:
    """A progress event of a search.

    If `found` is set, the event is for a finished epoch; if `tried` is not 0, for a trial or a network of the
    final training, and `loss` is its objective; if `scratch` names a network, for an epoch of training that
    network from scratch; otherwise for a step.
    """

    step: int
    steps: int
    epoch: int
    epochs: int
    loss: float
    task: float
    costs: Mapping[str, float]
    depths: Mapping[str, float] = field(default_factory=dict)
    """The expected number of iterations of each depth decision."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """The main score of each output, as `archdsl.train.recording.leading` returns them."""
    found: Result | None = None
    tried: int = 0
    to_try: int = 0
    failed: int = 0
    """The number of networks whose evaluation failed."""
    best: tuple[str, float | None] | None = None
    """The text of the first objective and its best value so far, in a search by trials."""
    scratch: str = ""
    member: str = ""
    """The name of the architecture that the event is about, in a co-search."""


Report = Callable[[SearchProgress], None]
