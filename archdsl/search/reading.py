"""Reads the clauses of a differentiable search into a SearchConfig."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from archdsl.configs.clauses import ArchitectureGroup, Search
from archdsl.configs.communication import Messages
from archdsl.configs.evaluators import Weights
from archdsl.configs.optimizers import Optimizer
from archdsl.configs.setting import settings_of
from archdsl.configs.strategies import Differentiable
from archdsl.search.config import USUAL, Communication, Link, MemberConfig, Optimiser, SearchConfig
from archdsl.search.differentiable.samplers import Sampler, read_sampler
from archdsl.search.overrides import overridden, with_data
from archdsl.search.terms import cannot, configured, plain, refused, term
from archdsl.spec.search_values import Clauses, SearchSpec, Term
from archdsl.spec.units import Quantity


def read_config(
    spec: SearchSpec,
    overrides: Mapping[str, Any] | None = None,
    data: tuple[str, Mapping[str, Any]] | None = None,
) -> SearchConfig:
    """Reads the settings of a differentiable search.

    `overrides`, by name, take precedence over `data` (a kind of dataset and its settings), which takes
    precedence over the spec. Raises SpecError (ARCH606) for missing or unsupported clauses, and for invalid
    values.
    """
    clauses = spec.clauses
    if spec.not_run:
        raise refused(spec)
    for name in ("evaluate", "trials", "parallel"):
        if name in clauses.settings:
            headline = f"`{name}` is not a clause of differentiable searches"
            help = "it applies to strategies that propose individual networks"
            raise cannot(headline, help, clauses.places.get(name))
    members = _members(clauses)
    if members and clauses.objectives:
        headline = "each architecture requires a separate objective"
        raise cannot(
            headline,
            "remove this clause, or move it into the group of a network: student { … }",
            clauses.objectives[0].at,
        )
    if "private" in clauses.settings and not members:
        help = "declare architectures: teacher { … } student { … }"
        raise cannot("`private` applies to several architectures", help, clauses.places["private"])
    if not (members or clauses.objectives):
        help = "minimize cross_entropy + 0.01 * log(macs)"
        raise cannot(f"missing objective in search `{spec.name}`", help, spec.at)
    if len(clauses.communicate) > 1:
        second = clauses.communicate[1][1]
        raise cannot("duplicate `communicate` clause", "keep one", getattr(second, "at", spec.at))
    strategy: Differentiable = configured(
        term(clauses.settings.get("strategy", Term("differentiable")), "strategy")
    )
    source = term(clauses.settings.get("data", Term("synthetic")), "data")
    config = SearchConfig(
        space=spec.space,
        name=spec.name,
        objectives=clauses.objectives,
        data=source.name,
        data_settings={key: plain(value) for key, value in source.settings.items()},
        requirements=clauses.requirements,
        samplers=_samplers(clauses),
        members=members,
        **_settings(clauses, strategy),
    )
    if data is not None:
        config = with_data(config, *data)
    config = overridden(config, overrides or {})
    _demand_sound(config)
    return config


OF_STRATEGY = (
    "epochs", "gates_from", "order", "clip", "share", "bn", "kernels", "refine", "refine_epochs", "pretrain"
)  # fmt: skip
"""The settings of the strategy `differentiable(…)` that are fields of SearchConfig with the same names."""


def _demand_sound(config: SearchConfig) -> None:
    """Raises SpecError (ARCH606) for values out of range, from the spec or from overrides."""
    strategy, messages = settings_of(Differentiable), settings_of(Messages)
    rate = settings_of(Optimizer)["lr"]
    ranges = [
        *(
            (name, getattr(config, name), strategy[name])
            for name in OF_STRATEGY
            if not strategy[name].choices
        ),
        *((name, getattr(config, name), settings_of(Search)[name]) for name in ("batch", "init")),
        ("calibrate", config.calibrate, settings_of(Weights)["calibrate"]),
        ("residual", config.communication.residual, messages["residual"]),
        ("hidden", config.communication.hidden, messages["hidden"]),
        ("lr", config.parameters.lr, rate),
        ("architecture_lr", config.architecture.lr, rate),
        ("lr of messages", config.communication.lr, messages["lr"]),
    ]
    for name, value, setting in ranges:
        if not setting.accepts(value):
            headline = f"`{name}` must be {setting.expected()}, got {value}"
            raise cannot(headline, f"set {name} in this range")
    if type(config.order) is not int or config.order not in (0, 1):
        headline = f"`order` must be 0 or 1, got {config.order}"
        raise cannot(headline, "0: one backward pass; 1: first-order bilevel optimization")
    if config.share not in (None, "elastic", "candidates"):
        raise cannot(f"unknown way to share weights `{config.share}`", "available: elastic, candidates")
    if config.communication.link not in get_args(Link):
        headline = f"unknown kind of communication `{config.communication.link}`"
        raise cannot(headline, f"available: {', '.join(get_args(Link))}")


def _settings(clauses: Clauses, strategy: Differentiable) -> dict[str, Any]:
    """The fields of SearchConfig that are set by the strategy and by clauses."""
    given = clauses.settings
    found: dict[str, Any] = {name: getattr(strategy, name) for name in OF_STRATEGY}
    found |= {
        key: plain(given[key])
        for key in ("epochs", "batch", "init", "seed", "private", "blend_outputs")
        if key in given
    }
    if isinstance(given.get("data"), Term) and "batch" in given["data"].settings:  # type: ignore[union-attr]
        found["batch"] = given["data"].settings["batch"]  # type: ignore[union-attr]
    sampler = strategy.sampler or given.get("sampler")
    if sampler is not None:
        found["sampler"] = read_sampler(term(sampler, "sampler"))
    if "decode" in given:
        found["decode"] = term(given["decode"], "decode")
    if isinstance(budget := given.get("budget"), Quantity):
        found["budget_s"] = budget.amount / 1000
    for group, usual in USUAL.items():
        inner = clauses.groups.get(group, Clauses()).settings
        written = inner.get("optimizer")
        found[group] = usual if written is None else read_optimiser(term(written, "optimizer"), usual)
    if clauses.communicate:
        found["communication"] = _communication(term(clauses.communicate[0][1], "communicate"))
    return found


def _members(clauses: Clauses) -> tuple[MemberConfig, ...]:
    """The settings of the architectures of a co-search, in the order of their groups."""
    return tuple(_member(name, own) for name, own in clauses.groups.items() if name not in USUAL)


def _member(name: str, own: Clauses) -> MemberConfig:
    given = own.settings
    rest = {key: value for key, value in given.items() if key not in settings_of(ArchitectureGroup)}
    passes = {key: given[key] for key in ("passes", "pretrain_passes") if key in given}
    if "passes" in passes:
        passes.setdefault("pretrain_passes", passes["passes"])
    if not passes.get("passes", True):
        raise cannot(f"`{name}` has no forward pass", "passes = [sampled]", own.places["passes"])
    written = given.get("optimizer")
    return MemberConfig(
        name,
        own.objectives,
        own.requirements,
        {
            path: replace(read_sampler(value), place=own.places.get(path))
            for path, value in rest.items()
            if isinstance(value, Term)
        },
        {path: str(value) for path, value in rest.items() if not isinstance(value, Term)},
        own.of_space,
        None if written is None else read_optimiser(term(written, "optimizer"), USUAL["architecture"]),
        decode=term(given["decode"], "decode") if "decode" in given else None,
        **passes,  # type: ignore[arg-type]
        places=own.places,
    )


def _samplers(clauses: Clauses) -> dict[str, Sampler]:
    """The samplers of the decisions that the group `architecture` names, by path prefix."""
    inner = clauses.groups.get("architecture", Clauses())
    return {
        part: replace(read_sampler(term(value, part)), place=inner.places.get(part))
        for part, value in inner.settings.items()
        if part != "optimizer"
    }


def read_optimiser(written: Term, usual: Optimiser) -> Optimiser:
    """Reads an optimizer; `usual` has the default learning rate.

    The schedule in the settings of the optimizer may set the initial and final learning rate too.
    """
    config = configured(written)
    lr, end, shape = config.lr, config.end, Term("cosine")
    power = 0.9
    if config.schedule is not None:
        shape = term(config.schedule, "schedule")
        schedule = configured(shape)
        lr = lr if schedule.lr is None else schedule.lr
        end = end if schedule.end is None else schedule.end
        power = getattr(schedule, "power", power)
    own = {key: getattr(config, key) for key in ("betas", "momentum") if hasattr(config, key)}
    kind: Any = written.name
    name: Any = shape.name
    return Optimiser(
        kind, usual.lr if lr is None else lr, end, decay=config.decay, schedule=name, power=power, **own
    )


def _communication(written: Term) -> Communication:
    config = configured(written)
    link: Any = written.name
    return Communication(link, config.hidden, config.residual, config.source, config.lr)
