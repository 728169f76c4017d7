"""What a search is to do: its clauses read into settings, with defaults for what the text leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from archdsl.diagnostics import Diagnostic, SpecError, closest
from archdsl.spec.search import Clauses, Objective, SearchSpec, SearchValue, Term
from archdsl.spec.units import Quantity

SamplerName = Literal["gumbel", "softmax", "hard", "one_path", "uniform", "fixed"]
Link = Literal["independent", "shared", "dense", "gcn"]


@dataclass(frozen=True)
class Sampler:
    """How outcomes are weighed; the temperature goes from `tau` to `end`, linearly over the epochs."""

    name: SamplerName = "gumbel"
    tau: float = 3.0
    end: float = 0.03

    def temperature(self, progress: float) -> float:
        return self.tau + (self.end - self.tau) * progress


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
    """How the decisions of cells hang together while searching (`archdsl.search.communicate`)."""

    link: Link = "independent"
    hidden: int = 64
    residual: float = 0.5
    source: Literal["raw", "updated"] = "raw"


@dataclass(frozen=True)
class Plan:
    """A differentiable search.

    `gates_from` is the epoch from which decisions of depth are searched; before it all depths are drawn
    alike.  `order` 0 trains weights and architecture in one backward pass on the same batch; 1 is
    first-order bilevel: each on a half of the data of its own (DARTS, arXiv:1806.09055, section 2.3).
    `calibrate` counts the batches by which running statistics of the found network are made anew.
    """

    space: str
    name: str
    objectives: tuple[Objective, ...]
    data: str
    data_settings: Mapping[str, Any]
    requirements: tuple[SearchValue, ...] = ()
    epochs: int = 8
    batch: int = 8
    sampler: Sampler = Sampler()
    gates_from: int = 0
    order: int = 0
    clip: float = 5.0
    init: float = 1e-3
    architecture: Optimiser = Optimiser("adam", 1e-3, decay=1e-4)
    parameters: Optimiser = Optimiser("sgd", 0.025, 1e-3, decay=5e-4)
    communication: Communication = field(default_factory=Communication)
    budget_s: float | None = None
    calibrate: int = 8

    def settings(self) -> dict[str, Any]:
        """Everything but the data, as plain values, for a manifest."""
        from dataclasses import asdict

        plain = {k: v for k, v in asdict(self).items() if k not in ("data", "data_settings")}
        return {k: v if isinstance(v, int | float | str | dict | None) else repr(v) for k, v in plain.items()}


def read_plan(spec: SearchSpec, overrides: Mapping[str, Any] | None = None) -> Plan:
    """The plan of a search; `overrides` are settings of it given from outside, by name.

    Raises SpecError (ARCH606) for what is missing or cannot be run.
    """
    clauses = spec.clauses
    strategy = _term(clauses.settings.get("strategy", Term("differentiable")), "strategy")
    if strategy.name != "differentiable":
        help = "`strategy = differentiable(…)` is run; the others are parsed and checked"
        raise cannot(f"the strategy `{strategy.name}` is not run yet", help)
    several = [g for g in clauses.groups if g not in ("architecture", "parameters")]
    if several:
        raise cannot(f"the group `{several[0]}` is not run yet", "one architecture is searched at a time")
    if not clauses.objectives:
        raise cannot(f"search `{spec.name}` has no objective", "minimize cross_entropy + 0.01 * log(macs)")
    data = _term(clauses.settings.get("data", Term("synthetic")), "data")
    plan = Plan(
        space=spec.space,
        name=spec.name,
        objectives=clauses.objectives,
        data=data.name,
        data_settings={key: _plain(value) for key, value in data.settings.items()},
        requirements=clauses.requirements,
        communication=_communication(clauses),
    )
    plan = _overridden(_with_clauses(plan, clauses, strategy), overrides or {})
    _demand_sound(plan)
    return plan


def _demand_sound(plan: Plan) -> None:
    """Raises SpecError for numbers that cannot be, however they were given."""
    rates = [o.lr for o in (plan.parameters, plan.architecture)]
    limits: list[tuple[str, Any, Any, float]] = [
        ("epochs", plan.epochs, int, 1),
        ("batch", plan.batch, int, 1),
        ("calibrate", plan.calibrate, int, 1),
        ("gates_from", plan.gates_from, int, 0),
        ("clip", plan.clip, (int, float), 0),
        ("init", plan.init, (int, float), 0),
        ("residual", plan.communication.residual, (int, float), 0),
        ("hidden", plan.communication.hidden, int, 1),
        *(("tau", tau, (int, float), 1e-4) for tau in (plan.sampler.tau, plan.sampler.end)),
        *(("lr", lr, (int, float), 0) for lr in rates),
    ]
    for name, value, kind, low in limits:
        if isinstance(value, bool) or not isinstance(value, kind) or value < low:
            raise cannot(f"`{name}` cannot be {value}", f"a number of at least {low:g}")
    if plan.order not in (0, 1):
        raise cannot(f"`order` cannot be {plan.order}", "0, one backward pass, or 1, first-order bilevel")


def _with_clauses(plan: Plan, clauses: Clauses, strategy: Term) -> Plan:
    found: dict[str, Any] = {}
    for key in ("epochs", "gates_from", "order", "clip"):
        if key in strategy.settings:
            found[key] = _plain(strategy.settings[key])
    for key in ("epochs", "batch", "init"):
        if key in clauses.settings:
            found[key] = _plain(clauses.settings[key])
    if "batch" in plan.data_settings:
        found["batch"] = plan.data_settings["batch"]
    sampler = strategy.settings.get("sampler", clauses.settings.get("sampler"))
    if sampler is not None:
        found["sampler"] = _sampler(_term(sampler, "sampler"))
    budget = clauses.settings.get("budget")
    if isinstance(budget, Quantity):
        found["budget_s"] = budget.amount / 1000
    for group in ("architecture", "parameters"):
        inner = clauses.groups.get(group)
        if inner is not None and "optimizer" in inner.settings:
            found[group] = _optimiser(_term(inner.settings["optimizer"], "optimizer"), getattr(plan, group))
    return replace(plan, **found)


def _sampler(term: Term) -> Sampler:
    name = "hard" if _plain(term.settings.get("hard", False)) else term.name
    tau = _plain(term.settings.get("tau", 1.0))
    end = _plain(term.settings.get("end", tau))
    if name not in get_args(SamplerName):
        raise cannot(f"`{name}` is no sampler", f"there are {', '.join(get_args(SamplerName))}")
    return Sampler(name, tau, end)  # type: ignore[arg-type]


def _optimiser(term: Term, default: Optimiser) -> Optimiser:
    if term.name not in ("adam", "sgd"):
        raise cannot(f"`{term.name}` is no optimiser", "there are adam and sgd")
    given = {key: _plain(value) for key, value in term.settings.items()}
    schedule = given.pop("schedule", None)
    if isinstance(schedule, Term):
        given |= {k: _plain(v) for k, v in schedule.settings.items() if k in ("lr", "end")}
        given["schedule"] = schedule.name
    start = default if default.kind == term.name else Optimiser(term.name, default.lr)  # type: ignore[arg-type]
    return replace(start, **{"end": None, "decay": 0.0, **given})


def _communication(clauses: Clauses) -> Communication:
    if not clauses.communicate:
        return Communication()
    if len(clauses.communicate) > 1:
        raise cannot("several `communicate` clauses", "one is run")
    _, how = clauses.communicate[0]
    term = _term(how, "communicate")
    if term.name not in get_args(Link):
        raise cannot(f"cells cannot communicate by `{term.name}`", f"by {', '.join(get_args(Link))}")
    known = {k: _plain(v) for k, v in term.settings.items() if k in ("hidden", "residual", "source")}
    if _plain(term.settings.get("layers", 1)) != 1:
        raise cannot("a graph convolution of several layers", "layers = 1, as published")
    return Communication(term.name, **known)  # type: ignore[arg-type]


OVERRIDES = (
    "epochs", "batch", "gates_from", "order", "clip", "init", "calibrate", "sampler", "tau", "end", "lr",
    "architecture_lr", "communicate", "residual", "data", "path", "crop", "images", "resize",
)  # fmt: skip
"""Settings of a search that can be given from outside."""


def _overridden(plan: Plan, given: Mapping[str, Any]) -> Plan:
    unknown = [key for key in given if key not in OVERRIDES]
    if unknown:
        guess = closest(unknown[0], list(OVERRIDES))
        help = f"did you mean `{guess}`?" if guess else f"there are {', '.join(OVERRIDES)}"
        raise cannot(f"a search has no setting `{unknown[0]}`", help)
    plain = ("epochs", "batch", "gates_from", "order", "clip", "init", "calibrate")
    found: dict[str, Any] = {key: given[key] for key in plain if key in given}
    tau, end = (given.get(key, getattr(plan.sampler, key)) for key in ("tau", "end"))
    sampler = replace(plan.sampler, tau=tau, end=end)
    if "sampler" in given:
        sampler = _sampler(Term(given["sampler"], {"tau": sampler.tau, "end": sampler.end}))
    if "communicate" in given and given["communicate"] not in get_args(Link):
        raise cannot(
            f"cells cannot communicate by `{given['communicate']}`", f"by {', '.join(get_args(Link))}"
        )
    told = {"link": "communicate", "residual": "residual"}
    communication = replace(
        plan.communication, **{field: given[key] for field, key in told.items() if key in given}
    )
    data = {key: given[key] for key in ("path", "crop", "images", "resize", "batch") if key in given}
    return replace(
        plan,
        **found,
        sampler=sampler,
        communication=communication,
        data=given.get("data", plan.data),
        data_settings={**plan.data_settings, **data},
        parameters=replace(plan.parameters, **({"lr": given["lr"]} if "lr" in given else {})),
        architecture=replace(
            plan.architecture, **({"lr": given["architecture_lr"]} if "architecture_lr" in given else {})
        ),
    )


def _term(value: SearchValue, what: str) -> Term:
    if not isinstance(value, Term):
        raise cannot(f"`{what}` is no name with settings", f"{what} = name(…)")
    return value


def _plain(value: Any) -> Any:
    return value.amount if isinstance(value, Quantity) else value


def cannot(headline: str, help: str) -> SpecError:
    """The finding that a search cannot be run as it is written."""
    return SpecError([Diagnostic("ARCH606", headline, help=help)])
