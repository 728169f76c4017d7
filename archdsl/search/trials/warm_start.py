"""Initial networks of a search by trials: they are evaluated first, and the strategy observes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.diagnostics import Diagnostic, Label, Location, SpecError
from archdsl.program import Network, Space, Spec, program_of
from archdsl.search.strategies.base import Observation, Outcomes, Proposal, Snapshot, Strategy
from archdsl.search.trials.domain import Domain


@dataclass(frozen=True)
class InitialNetwork:
    """A network given by the outcome of each decision, as text; `at` is its source location, if any."""

    name: str
    chosen: Mapping[str, str]
    at: Location | None = None

    def recorded(self) -> dict[str, Any]:
        """The network as JSON values for a manifest."""
        return {"name": self.name, "chosen": dict(self.chosen)}


def initial_network(one: Network | Spec) -> InitialNetwork:
    """A network, or the last network of a spec, as an initial network.

    Raises SpecError: ARCH418 if it is not declared by decisions (`network … from SPACE`), and as `load`.
    """
    at = None
    if isinstance(one, Network):
        network = one
    else:
        program = program_of(one)
        network = program.network()
        declared = program.networks[network.name]
        at = Location(program.unit.source, *declared.name.span)
    if network.origin is None:
        headline = f"`{network.name}` is not written as decisions in a space"
        help = "write it as decisions, like best.arch of a search: `network NAME from SPACE { … }`"
        raise SpecError([Diagnostic("ARCH418", headline, Label(at) if at else None, help=help)])
    return InitialNetwork(network.name, dict(network.chosen), at)


def recorded_starts(found: Any) -> tuple[InitialNetwork, ...]:
    """The initial networks in a manifest. Raises SpecError (ARCH911) if they are unreadable."""
    try:
        return tuple(
            InitialNetwork(str(one["name"]), {str(k): str(v) for k, v in one["chosen"].items()})
            for one in found or ()
        )
    except (TypeError, KeyError, AttributeError) as error:
        headline = "cannot resume this run: its initial networks cannot be read"
        raise SpecError([Diagnostic("ARCH911", headline)]) from error


def first_outcomes(known: Sequence[InitialNetwork], domain: Domain, space: Space) -> tuple[Outcomes, ...]:
    """The outcome indices of initial networks, in canonical form.

    Raises SpecError (ARCH418) for a network that is not in the searched space.
    """
    return tuple(_outcomes(one, domain, space) for one in known)


def _outcomes(one: InitialNetwork, domain: Domain, space: Space) -> Outcomes:
    settled = space.graph.chosen  # by passes that made the space smaller
    for path, outcome in one.chosen.items():
        if path in settled and settled[path] != outcome:
            raise _foreign(
                one, space, f"`{path}` is {outcome} in the network, but fixed to {settled[path]} in the space"
            )
        if path not in settled and path not in space.decisions:
            raise _foreign(one, space, f"the space has no decision `{path}`")
    found = dict.fromkeys(domain.paths, 0)
    for path, texts in zip(domain.paths, domain.outcomes, strict=True):
        outcome = one.chosen.get(path, texts[0])
        if outcome not in texts:
            raise _foreign(
                one, space, f"`{path}` is {outcome} in the network, but the space has {', '.join(texts)}"
            )
        found[path] = texts.index(outcome)
    outcomes = domain.canonical(tuple(found.values()))
    for path, is_active in zip(domain.paths, domain.active(outcomes), strict=True):
        if is_active and path not in one.chosen:
            raise _foreign(one, space, f"the network lacks the decision `{path}`")
    return outcomes


def _foreign(one: InitialNetwork, space: Space, why: str) -> SpecError:
    headline = f"`{one.name}` is not a network of `{space.name}` as it is searched"
    return SpecError([Diagnostic("ARCH418", headline, Label(one.at) if one.at else None, help=why)])


class WarmStarted:
    """A strategy that proposes the networks `first`, and, once all were observed, those of another."""

    def __init__(self, strategy: Strategy, first: Sequence[Outcomes]):
        self.strategy, self.first = strategy, first
        self.proposed = self.observed = 0

    def propose(self) -> Proposal | Outcomes | None:
        if self.proposed < len(self.first):
            self.proposed += 1
            return self.first[self.proposed - 1]
        return self.strategy.propose() if self.observed >= len(self.first) else None

    def observe(self, seen: Observation) -> None:
        self.observed += 1
        self.strategy.observe(seen)


class _Saved(WarmStarted):
    """A WarmStarted whose strategy has snapshots, so that it has snapshots too."""

    strategy: Snapshot  # type: ignore[assignment]

    def state(self) -> dict[str, Any]:
        return {"proposed": self.proposed, "observed": self.observed, "of": self.strategy.state()}

    def restore(self, state: dict[str, Any]) -> None:
        self.proposed, self.observed = int(state["proposed"]), int(state["observed"])
        self.strategy.restore(state["of"])


def warm_started(strategy: Strategy, first: Sequence[Outcomes]) -> Strategy:
    """A strategy that proposes the networks `first` before those of `strategy`; `strategy` if empty."""
    if not first:
        return strategy
    return (_Saved if isinstance(strategy, Snapshot) else WarmStarted)(strategy, first)
