"""The settings of a differentiable search, with defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from archdsl.configs.datasets import Batched
from archdsl.configs.setting import settings_of
from archdsl.configs.sharing import BN, Kernels
from archdsl.diagnostics import Location
from archdsl.search.differentiable.samplers import Sampler
from archdsl.search.terms import recorded
from archdsl.spec.search_values import Objective, SearchValue, Term

Link = Literal["independent", "shared", "dense", "gcn"]


@dataclass(frozen=True)
class Optimiser:
    """Settings of an optimizer; the learning rate follows `schedule` from `lr` to `end`, if that is set."""

    kind: Literal["adam", "sgd"]
    lr: float
    end: float | None = None
    betas: tuple[float, float] = (0.5, 0.999)
    momentum: float = 0.9
    decay: float = 0.0
    schedule: Literal["cosine", "poly", "linear", "exponential"] = "cosine"
    power: float = 0.9
    """The exponent of the schedule `poly`."""


@dataclass(frozen=True)
class Communication:
    """Settings of message passing between cells (`archdsl.search.differentiable.communicate`)."""

    link: Link = "independent"
    hidden: int = 64
    residual: float = 0.5
    source: Literal["raw", "updated"] = "raw"
    lr: float = 1e-3
    """The learning rate of the parameters of the message function."""


@dataclass(frozen=True)
class MemberConfig:
    """Settings of one of several architectures that share weights, a group of the search block.

    `fixed` maps prefixes of decision paths to the label of the outcome that these decisions always have;
    `of_space` are settings of its space. `passes` are the sizes of its networks in the forward passes of a
    step (`archdsl.configs.clauses.SIZES`), `pretrain_passes` those in steps that train weights only.
    """

    name: str
    objectives: tuple[Objective, ...]
    requirements: tuple[SearchValue, ...] = ()
    samplers: Mapping[str, Sampler] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    of_space: Mapping[str, Any] = field(default_factory=dict)
    architecture: Optimiser | None = None
    passes: tuple[str, ...] = ("sampled",)
    pretrain_passes: tuple[str, ...] = ("sampled",)
    decode: Term | None = None
    places: Mapping[str, Location] = field(default_factory=dict, compare=False, repr=False)
    """The source location of each clause."""


@dataclass(frozen=True)
class SearchConfig:
    """The settings of a differentiable search.

    `samplers` are the samplers of decisions by path prefix; `sampler` is that of all other decisions. Depth
    decisions without a sampler of their own are trained from epoch `gates_from` on
    (`archdsl.search.differentiable.samplers`). With `order` 0, weights and architecture are updated from one
    backward pass on the same batch; 1 is first-order bilevel optimization, where each is trained on its own
    half of the data (DARTS, arXiv:1806.09055, section 2.3). `share` is the kind of supernet
    (`archdsl.search.differentiable.sharing`). `calibrate` is the number of batches for recomputing the
    batch-norm statistics of the derived network. At the end, up to `refine` networks, the most probable one
    and neighbours, are trained from scratch for `refine_epochs` each, and the best is the result
    (`archdsl.search.evaluators.short_training`).
    """

    space: str
    name: str
    objectives: tuple[Objective, ...]
    data: str
    data_settings: Mapping[str, Any]
    requirements: tuple[SearchValue, ...] = ()
    epochs: int = 8
    batch: int = 8
    sampler: Sampler = field(default_factory=Sampler)
    samplers: Mapping[str, Sampler] = field(default_factory=dict)
    gates_from: int = 0
    order: int = 0
    clip: float = 5.0
    share: Literal["elastic", "candidates"] | None = None
    bn: BN = "shared"
    """How batch normalization of elastic weights is shared (`archdsl.configs.sharing`)."""
    kernels: Kernels = "cropped"
    """How smaller kernels of elastic weights are derived (`archdsl.configs.sharing`)."""
    init: float = 1e-3
    architecture: Optimiser = field(default_factory=lambda: USUAL["architecture"])
    parameters: Optimiser = field(default_factory=lambda: USUAL["parameters"])
    communication: Communication = field(default_factory=Communication)
    budget_s: float | None = None
    calibrate: int = 8
    refine: int = 0
    refine_epochs: int = 8
    pretrain: int = 0
    """The number of epochs before the search in which only weights are trained."""
    private: tuple[str, ...] = ()
    """Parts of the space whose weights are not shared: each architecture has its own."""
    blend_outputs: tuple[str, ...] = ()
    """Decisions that are distributed over their blocks (`archdsl.passes.transforms.distribute`)."""
    members: tuple[MemberConfig, ...] = ()
    """The architectures of a co-search, which share weights; empty for a search of a single architecture."""
    decode: Term | None = None
    """The decoder that derives the final network; None: the most probable outcome of each decision."""
    seed: int | None = None
    """The seed set in the spec, if any."""

    def of(self, member: MemberConfig) -> SearchConfig:
        """The settings for `member`, one architecture of a co-search, as those of a search on its own."""
        return replace(
            self,
            objectives=member.objectives,
            requirements=member.requirements,
            samplers={**self.samplers, **member.samplers},
            architecture=member.architecture or self.architecture,
            decode=member.decode or self.decode,
            members=(),
        )

    @property
    def batched(self) -> Batched:
        """The settings of batching and augmentation of the dataset."""
        known = settings_of(Batched)
        return Batched(**{key: value for key, value in self.data_settings.items() if key in known})

    def settings(self) -> dict[str, Any]:
        """All settings except data paths, as JSON values for the manifest."""
        fields = recorded(self)
        later = {
            "pretrain": 0,
            "bn": "shared",
            "kernels": "cropped",
            "private": (),
            "blend_outputs": (),
            "members": (),
            "decode": None,
        }
        omitted = ["data", "data_settings", "seed"]
        # Earlier runs do not have these.
        omitted += [key for key, usual in later.items() if fields[key] == usual]
        found = {k: v for k, v in fields.items() if k not in omitted}
        found["data settings"] = {k: v for k, v in self.data_settings.items() if k != "path"}
        return {k: v if isinstance(v, int | float | str | dict | None) else repr(v) for k, v in found.items()}


USUAL: Mapping[str, Optimiser] = {
    "architecture": Optimiser("adam", 1e-3, decay=1e-4),
    "parameters": Optimiser("sgd", 0.025, 1e-3, decay=5e-4),
}
"""Default optimizers of the groups."""
