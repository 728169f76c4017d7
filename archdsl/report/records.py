"""The manifest and the journal records of a run, as data validated by pydantic."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator

from archdsl.report.scores import LOWER, score_name


class Read(BaseModel):
    """Base class of data read from the files of a run, which are untrusted."""

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
    """The first record of a search: all decisions with the texts of their outcomes, and the depth decisions.

    `gates` are the paths of the depth decisions; `rounds` are the numbers of iterations that their outcomes
    keep, empty in older journals.
    """

    kind: Literal["start"]
    member: str = ""
    decisions: dict[str, list[str]]
    gates: list[str] = []
    rounds: dict[str, list[int]] = {}


class Scored(Read):
    """Scores of a network.

    `miou`, `iou` (per class, None for a class without pixels) and `accuracy` are those of a main output that
    predicts classes; `scores` are those of other outputs: by output, by the name of the score.
    """

    miou: FiniteFloat | None = None
    iou: list[FiniteFloat | None] = []
    accuracy: FiniteFloat | None = None
    scores: dict[str, dict[str, FiniteFloat | None]] = {}

    @field_validator("scores", mode="before")
    @classmethod
    def _by_output(cls, found: Any) -> Any:
        """Adds the output "" to scores of older searches, which did not record the name of the output."""
        flat = isinstance(found, dict) and not all(isinstance(own, dict) for own in found.values())
        return {"": found} if flat else found

    @property
    def by_output(self) -> list[tuple[str, str, float | None]]:
        """The main score of each output, as (output, name of the score, value).

        The output is "" for a main output that predicts classes.
        """
        found: list[tuple[str, str, float | None]] = []
        if self.miou is not None or not self.scores:
            found.append(("", "miou", self.miou))
        return found + [(output, *next(iter(own.items()))) for output, own in self.scores.items() if own]

    @property
    def shown(self) -> dict[str, float]:
        """The main scores of all outputs by display name, without those that are undefined."""
        return {
            f"{score_name(name)} of {output}" if output else score_name(name): score
            for output, name, score in self.by_output
            if score is not None
        }

    @property
    def leading(self) -> tuple[str, float | None]:
        """The name and value of the first output's main score, by which networks are compared."""
        return next(((name, score) for _, name, score in self.by_output), ("miou", None))

    @property
    def value(self) -> float:
        """The value of the leading score, negated for errors, so that more is better; -inf if undefined."""
        name, score = self.leading
        if score is None:
            return float("-inf")
        return -score if name in LOWER else score


class Step(Read):
    """A step of a search or a training; `task` is the loss without the terms for costs."""

    kind: Literal["step"]
    step: int
    epoch: int
    loss: FiniteFloat
    task: FiniteFloat | None = None
    lr: FiniteFloat | None = None


class Figures(Read):
    """Costs of a derived network, and the number of iterations that each depth decision (gate) keeps."""

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
    """The adaptive weight of each `window` term in this epoch, by the text of the term."""
    seconds: FiniteFloat | None = None


class Evaluation(Scored):
    """Scores of a network in training, after an epoch."""

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
    """A network of the final training of a search; `objective` is None if it was not finite."""

    kind: Literal["tried"]
    number: int
    chosen: dict[str, str] = {}
    objective: FiniteFloat | None = None


class RandomNetwork(Read):
    """Costs of a uniformly sampled network of the space."""

    params: int
    macs: int


class Verdict(Read):
    """Quality measures of a search result (`archdsl.search.verdict`).

    `mean_entropy` is the mean normalized entropy of the decisions, `idle` the fraction of the `edges` choices
    between ops whose selected op has no multiplications; `shallow`: all depths are minimal.
    """

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

    `network` has params, macs, layers and optionally latency_ms; `how` describes how the network was chosen,
    `unmet` are the texts of the requirements that it violates.
    """

    kind: Literal["end"]
    member: str = ""
    chosen: dict[str, str] = {}
    network: dict[str, FiniteFloat] = {}
    how: str = ""
    unmet: list[str] = []
    verdict: Verdict | None = None
    seconds: FiniteFloat | None = None
