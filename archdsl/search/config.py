"""What a search is to do: its clauses read into settings, with defaults for what the text leaves open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from archdsl.search.differentiable.samplers import Sampler, read_sampler
from archdsl.search.overrides import overridden, with_data
from archdsl.search.values import cannot, plain, term
from archdsl.spec.search import Clauses, Objective, SearchSpec, SearchValue, Term
from archdsl.spec.units import Quantity
from archdsl.spec.vocabulary import CLAUSES

MOST = 1_000_000
"""The greatest number that a setting of a search may be."""

Link = Literal["independent", "shared", "dense", "gcn"]


@dataclass(frozen=True)
class Optimiser:
    """Settings of an optimiser; the rate follows `schedule` from `lr` to `end` where that is given."""

    kind: Literal["adam", "sgd"]
    lr: float
    end: float | None = None
    betas: tuple[float, float] = (0.5, 0.999)
    momentum: float = 0.9
    decay: float = 0.0
    schedule: Literal["cosine", "poly", "linear", "exponential"] = "cosine"


@dataclass(frozen=True)
class Communication:
    """Messages between the decisions of cells in a search (`archdsl.search.differentiable.communicate`)."""

    link: Link = "independent"
    hidden: int = 64
    residual: float = 0.5
    source: Literal["raw", "updated"] = "raw"
    lr: float = 1e-3
    """Rate of the messages' own parameters, which are many for each logit that they change."""


@dataclass(frozen=True)
class SearchConfig:
    """A differentiable search.

    `samplers` are those of decisions that the search names; `sampler` holds for all others, of which
    decisions of depth are searched from epoch `gates_from` on (`archdsl.search.differentiable.samplers`).
    `order` 0 trains weights and architecture in one backward pass on the same batch; 1 is first-order
    bilevel: each on a half of the data of its own (DARTS, arXiv:1806.09055, section 2.3).
    `calibrate` counts the batches over which running statistics of the found network are computed anew.  At
    the end at most `refine` networks, the likeliest and some near it, are trained from scratch for
    `refine_epochs` each, and the best of them is the result
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
    init: float = 1e-3
    architecture: Optimiser = Optimiser("adam", 1e-3, decay=1e-4)
    parameters: Optimiser = Optimiser("sgd", 0.025, 1e-3, decay=5e-4)
    communication: Communication = field(default_factory=Communication)
    budget_s: float | None = None
    calibrate: int = 8
    refine: int = 0
    refine_epochs: int = 8

    def settings(self) -> dict[str, Any]:
        """Everything but where the data lies, as plain values, for a manifest."""
        found = {k: v for k, v in asdict(self).items() if k not in ("data", "data_settings")}
        found["data settings"] = {k: v for k, v in self.data_settings.items() if k != "path"}
        return {k: v if isinstance(v, int | float | str | dict | None) else repr(v) for k, v in found.items()}


def read_config(
    spec: SearchSpec,
    overrides: Mapping[str, Any] | None = None,
    data: tuple[str, Mapping[str, Any]] | None = None,
) -> SearchConfig:
    """The settings of a search; `overrides` come from outside, by name.

    `data` is a kind and its settings, also from outside: over those of the text, under `overrides`.
    Raises SpecError (ARCH606) for what is missing or cannot be run.
    """
    clauses = spec.clauses
    strategy = term(clauses.settings.get("strategy", Term("differentiable")), "strategy")
    if strategy.name != "differentiable":
        help = "`strategy = differentiable(…)` is run; the others are parsed and checked"
        raise cannot(f"the strategy `{strategy.name}` is not run yet", help)
    several = [g for g in clauses.groups if g not in ("architecture", "parameters")]
    if several:
        raise cannot(f"the group `{several[0]}` is not run yet", "one architecture is searched at a time")
    if not clauses.objectives:
        raise cannot(f"search `{spec.name}` has no objective", "minimize cross_entropy + 0.01 * log(macs)")
    said = term(clauses.settings.get("data", Term("synthetic")), "data")
    config = SearchConfig(
        space=spec.space,
        name=spec.name,
        objectives=clauses.objectives,
        data=said.name,
        data_settings={key: plain(value) for key, value in said.settings.items()},
        requirements=clauses.requirements,
        communication=_communication(clauses),
    )
    if data is not None:
        config = with_data(config, *data)
    config = overridden(_with_clauses(config, clauses, strategy), overrides or {})
    _demand_sound(config)
    return config


def _demand_sound(config: SearchConfig) -> None:
    """Raises SpecError for numbers that cannot be, however they were given."""
    rates = [o.lr for o in (config.parameters, config.architecture, config.communication)]
    limits: list[tuple[str, Any, Any, float]] = [
        ("epochs", config.epochs, int, 1),
        ("batch", config.batch, int, 1),
        ("calibrate", config.calibrate, int, 1),
        ("refine", config.refine, int, 0),
        ("refine_epochs", config.refine_epochs, int, 1),
        ("gates_from", config.gates_from, int, 0),
        ("clip", config.clip, (int, float), 0),
        ("init", config.init, (int, float), 0),
        ("residual", config.communication.residual, (int, float), 0),
        ("hidden", config.communication.hidden, int, 1),
        *(("lr", lr, (int, float), 0) for lr in rates),
    ]
    for name, value, kind, low in limits:
        if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= MOST:
            raise cannot(f"`{name}` cannot be {value}", f"a number of at least {low:g} and at most {MOST:,}")
    if config.order not in (0, 1):
        raise cannot(f"`order` cannot be {config.order}", "0, one backward pass, or 1, first-order bilevel")
    if config.communication.link not in get_args(Link):
        headline = f"cells cannot communicate by `{config.communication.link}`"
        raise cannot(headline, f"by {', '.join(get_args(Link))}")


def _with_clauses(config: SearchConfig, clauses: Clauses, strategy: Term) -> SearchConfig:
    found: dict[str, Any] = {}
    for key in ("epochs", "gates_from", "order", "clip", "refine", "refine_epochs"):
        if key in strategy.settings:
            found[key] = plain(strategy.settings[key])
    for key in ("epochs", "batch", "init"):
        if key in clauses.settings:
            found[key] = plain(clauses.settings[key])
    if "batch" in config.data_settings:
        found["batch"] = config.data_settings["batch"]
    sampler = strategy.settings.get("sampler", clauses.settings.get("sampler"))
    if sampler is not None:
        found["sampler"] = read_sampler(sampler)
    budget = clauses.settings.get("budget")
    if isinstance(budget, Quantity):
        found["budget_s"] = budget.amount / 1000
    for group in ("architecture", "parameters"):
        inner = clauses.groups.get(group)
        if inner is not None and "optimizer" in inner.settings:
            found[group] = _optimiser(term(inner.settings["optimizer"], "optimizer"), getattr(config, group))
    return replace(config, **found, samplers=_samplers(clauses))


def _samplers(clauses: Clauses) -> dict[str, Sampler]:
    """Samplers of decisions that the group `architecture` names."""
    elsewhere = [clauses, *(inner for name, inner in clauses.groups.items() if name != "architecture")]
    for part in (part for inner in elsewhere for part in _parts(inner)):
        help = f"architecture {{ {part} = softmax }} says how it is drawn"
        raise cannot(f"`{part}` cannot be set here", help)
    inner = clauses.groups.get("architecture", Clauses())
    return {part: read_sampler(inner.settings[part], part) for part in _parts(inner)}


def _parts(clauses: Clauses) -> list[str]:
    """What clauses set of the space, rather than of the search."""
    return [key for key in clauses.settings if re.split(r"[.\[]", key)[0] not in CLAUSES]


def _optimiser(said: Term, default: Optimiser) -> Optimiser:
    if said.name not in ("adam", "sgd"):
        raise cannot(f"`{said.name}` is no optimiser", "there are adam and sgd")
    given = {key: plain(value) for key, value in said.settings.items()}
    schedule = given.pop("schedule", None)
    if isinstance(schedule, Term):
        given |= {k: plain(v) for k, v in schedule.settings.items() if k in ("lr", "end")}
        given["schedule"] = schedule.name
    start = default if default.kind == said.name else Optimiser(said.name, default.lr)  # type: ignore[arg-type]
    return replace(start, **{"end": None, "decay": 0.0, **given})


def _communication(clauses: Clauses) -> Communication:
    if not clauses.communicate:
        return Communication()
    if len(clauses.communicate) > 1:
        raise cannot("several `communicate` clauses", "one is run")
    _, how = clauses.communicate[0]
    said = term(how, "communicate")
    known = {k: plain(v) for k, v in said.settings.items() if k in ("hidden", "residual", "source", "lr")}
    if plain(said.settings.get("layers", 1)) != 1:
        raise cannot("a graph convolution of several layers", "layers = 1, as published")
    return Communication(said.name, **known)  # type: ignore[arg-type]
