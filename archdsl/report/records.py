"""The manifest and the records of a run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator

from archdsl.report.scores import LOWER, score_name


class Read(BaseModel):
    """Base class of data read from a run, whose files are untrusted."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Manifest(Read):
    """The inputs of a run."""

    spec: str
    seed: int
    command: list[str] | str
    device: str
    versions: dict[str, str]
    data: dict[str, Any]
    settings: dict[str, Any]
    name: str = ""
    space: str = ""
    search: str = ""
    machine: str = ""
    format: str = ""


class Start(Read):
    """All decisions with the texts of their outcomes, and the depth decisions.

    `rounds` are the iterations kept by each outcome of a depth; older journals lack them.
    """

    kind: Literal["start"]
    member: str = ""
    decisions: dict[str, list[str]]
    gates: list[str] = []
    rounds: dict[str, list[int]] = {}


class Scored(Read):
    """Scores of a network: those of a main output of classes, and `scores` of other outputs, by output.

    `iou` is per class, None for a class without pixels.
    """

    miou: FiniteFloat | None = None
    iou: list[FiniteFloat | None] = []
    accuracy: FiniteFloat | None = None
    scores: dict[str, dict[str, FiniteFloat | None]] = {}

    @field_validator("scores", mode="before")
    @classmethod
    def _by_output(cls, found: Any) -> Any:
        """Searches used to record the scores of their only scored output without its name."""
        flat = isinstance(found, dict) and not all(isinstance(own, dict) for own in found.values())
        return {"": found} if flat else found

    @property
    def by_output(self) -> list[tuple[str, str, float | None]]:
        """The main score of each output: the output ("" for a main one of classes), the score's name and its
        value.
        """
        found: list[tuple[str, str, float | None]] = []
        if self.miou is not None or not self.scores:
            found.append(("", "miou", self.miou))
        return found + [(output, *next(iter(own.items()))) for output, own in self.scores.items() if own]

    @property
    def shown(self) -> dict[str, float]:
        """The main score of each output that has one, by display name."""
        return {
            f"{score_name(name)} of {output}" if output else score_name(name): score
            for output, name, score in self.by_output
            if score is not None
        }

    @property
    def leading(self) -> tuple[str, float | None]:
        """The name and value of the score of the first output, which decides between networks."""
        return next(((name, score) for _, name, score in self.by_output), ("miou", None))

    @property
    def value(self) -> float:
        """That score as a number; more is better."""
        name, score = self.leading
        if score is None:
            return float("-inf")
        return -score if name in LOWER else score


class Step(Read):
    """A step of a search or of a training; `task` is the loss without the costs."""

    kind: Literal["step"]
    step: int
    epoch: int
    loss: FiniteFloat
    task: FiniteFloat | None = None
    lr: FiniteFloat | None = None


class Figures(Read):
    """Costs of a network found, and the depth of each gate."""

    params: int | None = None
    macs: int | None = None
    latency_ms: FiniteFloat | None = None
    gates: dict[str, int] = {}


class Epoch(Scored):
    """The state of a search after an epoch; `epoch` counts from 0."""

    kind: Literal["epoch"]
    member: str = ""
    epoch: int
    step: int
    tau: FiniteFloat | None = None
    probabilities: dict[str, list[Annotated[float, Field(ge=0, le=1.001)]]] = {}
    chosen: dict[str, str] = {}
    expected: dict[str, FiniteFloat] = {}
    found: Figures = Figures()
    weights: dict[str, FiniteFloat] = {}
    """The weight of each `window` in this epoch, by its text."""
    seconds: FiniteFloat | None = None


class Evaluation(Scored):
    """Scores of a training."""

    kind: Literal["evaluation"]
    step: int
    epoch: int


class Resumed(Read):
    kind: Literal["resumed"]
    step: int


class Recalibrated(Read):
    kind: Literal["recalibrated"]
    member: str = ""
    batches: int


class Tried(Read):
    """A network of the final training; `objective` is None if it was not finite."""

    kind: Literal["tried"]
    number: int
    chosen: dict[str, str] = {}
    objective: FiniteFloat | None = None


class RandomNetwork(Read):
    """Costs of a random network."""

    params: int
    macs: int


class Verdict(Read):
    """Normalized entropies of a search, and the fraction of parameter-free edges."""

    mean_entropy: FiniteFloat = 0.0
    idle: FiniteFloat | None = None
    edges: int = 0
    shallow: bool = False
    random: list[RandomNetwork] = []
    warnings: list[str] = []


class Scratch(Scored):
    """The network found, or the baseline, after an epoch of its training from scratch."""

    kind: Literal["scratch"]
    role: Literal["found", "baseline"]
    name: str
    epoch: int
    step: int
    params: int
    macs: int


class End(Scored):
    """The final network of a search.

    `network` has params, macs, layers and optionally latency_ms; `how` describes how it was chosen, `unmet`
    are violated requirements.
    """

    kind: Literal["end"]
    member: str = ""
    chosen: dict[str, str] = {}
    network: dict[str, FiniteFloat] = {}
    how: str = ""
    unmet: list[str] = []
    verdict: Verdict | None = None
    seconds: FiniteFloat | None = None
