"""Samplers of a differentiable search: their temperatures, and the decisions that each applies to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from archdsl.configs.samplers import Gumbel, Tempered
from archdsl.diagnostics import Location, closest
from archdsl.ir import Graph
from archdsl.ir.paths import is_named
from archdsl.passes.analyses.depth import depths
from archdsl.search.decision_names import no_decision
from archdsl.search.terms import cannot, configured
from archdsl.spec.search_values import Term
from archdsl.train.schedules import schedule

SamplerName = Literal["gumbel", "softmax", "hard", "one_path", "uniform", "fixed"]
Shape = Literal["linear", "exponential", "cosine", "poly"]


@dataclass(frozen=True)
class Sampling:
    """How a decision is sampled in an epoch.

    If not `started`, outcomes are sampled uniformly, and the logits of the decision are not trained.
    """

    name: SamplerName
    tau: float
    started: bool = True

    @property
    def takes_one(self) -> bool:
        """Whether only the sampled candidate needs to be computed."""
        return self.name in ("one_path", "uniform", "fixed")


@dataclass(frozen=True)
class Sampler:
    """A sampler whose temperature moves from `tau` to `end` over the epochs by `schedule`.

    The decisions that it applies to are trained from epoch `start` on.
    """

    name: SamplerName = "gumbel"
    tau: float = 3.0
    end: float = 0.03
    schedule: Shape = "linear"
    start: int = 0
    power: float = 0.9
    """The exponent of the schedule `poly`."""
    place: Location | None = field(default=None, compare=False, repr=False)
    """The source location of the clause that sets the sampler."""

    @property
    def trains(self) -> bool:
        """Whether the decisions that the sampler applies to are trained in any epoch."""
        return self.name not in ("uniform", "fixed")

    def temperature(self, progress: float) -> float:
        return schedule(self.schedule, self.tau, self.end, self.power)(progress)

    def at(self, epoch: int, epochs: int) -> Sampling:
        """The sampling in an epoch, counted from 0."""
        tau = self.temperature(epoch / max(1, epochs - 1))
        return Sampling(self.name, tau, epoch >= self.start)


def read_sampler(written: Term) -> Sampler:
    """Reads a sampler from its term; `tau` defaults to 1, `end` to `tau`.

    Raises SpecError (ARCH606) if the schedule has settings of learning rates.
    """
    config = configured(written)
    if not isinstance(config, Tempered):
        return Sampler(_name(written.name), 1.0, 1.0)
    name = "hard" if isinstance(config, Gumbel) and config.hard else written.name
    end, shape, power = config.end, "linear", Sampler.power
    if config.schedule is not None:
        schedule = configured(config.schedule)
        if schedule.lr is not None:
            help = f"write {config.schedule.name} with `tau` and `end` of the sampler"
            raise cannot("`lr` is not a setting of temperature schedules", help, config.schedule.at)
        shape, power = config.schedule.name, getattr(schedule, "power", power)
        end = schedule.end if end is None else end
    end = config.tau if end is None else end
    return Sampler(_name(name), config.tau, end, _shape(shape), config.start, power)


def changed(sampler: Sampler, given: Mapping[str, Any]) -> Sampler:
    """The sampler with overridden settings: `sampler` (its name), `tau`, `end`, `schedule`, `start`.

    Raises SpecError (ARCH606) for invalid settings and for those without effect.
    """
    found = {key: given[key] for key in ("tau", "end", "start") if key in given}
    if "sampler" in given:
        found["name"] = _name(given["sampler"])
    if "schedule" in given:
        found["schedule"] = _shape(given["schedule"])
    if not replace(sampler, **found).trains and (idle := found.keys() - {"name"}):
        name = found.get("name", sampler.name)
        raise cannot(f"`{min(idle)}` has no effect with the sampler `{name}`", f"remove {min(idle)}")
    return checked(replace(sampler, **found))


def checked(sampler: Sampler) -> Sampler:
    """Returns the sampler. Raises SpecError (ARCH606) if one of its numbers is out of range."""
    for key, kind, low in (("tau", (int, float), 1e-4), ("end", (int, float), 1e-4), ("start", int, 0)):
        value = getattr(sampler, key)
        if isinstance(value, bool) or not isinstance(value, kind) or value < low:
            what = "an integer" if kind is int else "a number"
            raise cannot(f"`{key}` must be {what} >= {low:g}, got {value}", f"set {key}={low:g} or more")
    return sampler


def by_decision(
    usual: Sampler, gates_from: int, named: Mapping[str, Sampler], graph: Graph
) -> dict[str, Sampler]:
    """The sampler of each decision of a space, by path.

    `named` are samplers by path prefix, `usual` is the sampler of all other decisions; depth decisions among
    these are trained from epoch `gates_from` on. Raises SpecError as `own_samplers`.
    """
    decisions, gates = graph.decisions, depths(graph)
    late = replace(usual, start=max(usual.start, gates_from))
    found = {path: late if path in gates else usual for path in decisions}
    return found | own_samplers(named, decisions)


def own_samplers(named: Mapping[str, Sampler], decisions: Iterable[str]) -> dict[str, Sampler]:
    """The samplers, by path, of the decisions that match one of the prefixes in `named`.

    Raises SpecError (ARCH606) if a prefix matches no decision, or if a decision matches two prefixes.
    """
    found: dict[str, Sampler] = {}
    whose: dict[str, str] = {}
    for name, sampler in named.items():
        paths = [path for path in decisions if is_named(path, name)]
        if not paths:
            raise no_decision(name, decisions, sampler.place)
        for path in paths:
            if path in whose:
                headline = f"`{whose[path]}` and `{name}` both set the sampler of `{path}`"
                raise cannot(headline, "select each decision once", sampler.place)
            whose[path], found[path] = name, sampler
    return found


def _name(word: Any) -> Any:
    return _known(word, get_args(SamplerName), "sampler")


def _shape(word: Any) -> Any:
    return _known(word, get_args(Shape), "temperature schedule")


def _known(word: Any, known: tuple[str, ...], what: str) -> Any:
    if word not in known:
        guess, listed = closest(str(word), known), f"available: {', '.join(known)}"
        raise cannot(f"unknown {what} `{word}`", f"did you mean `{guess}`? {listed}" if guess else listed)
    return word
