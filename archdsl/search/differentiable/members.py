"""The members of a differentiable search: one architecture, or several that share weights (co-search)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch
from torch.nn.functional import one_hot

from archdsl.ir import Decision
from archdsl.passes.costs.pricing import MACS
from archdsl.passes.costs.space_cost import SpaceCost
from archdsl.program import Space
from archdsl.search.config import SearchConfig
from archdsl.search.decoding.decoder import Decoder
from archdsl.search.differentiable.architecture import ArchitectureSample
from archdsl.search.differentiable.learner import Learner
from archdsl.search.differentiable.objective import ObjectiveFunction
from archdsl.search.result import Result
from archdsl.spec.search_values import Term


class Sizes:
    """Assigns outcomes to the decisions on sizes: those of the largest or smallest network, or random ones.

    For a decision between numbers, the largest outcome is the largest number; for another decision, the
    outcome in the network with the most MACs. The smallest outcomes are defined likewise, with the fewest
    MACs.
    """

    def __init__(self, space: Space, sampled: Mapping[str, Decision]):
        self.decisions = dict(sampled)
        cost, paths = SpaceCost(space.searched), list(space.searched.decisions)
        self._ends: dict[str, dict[str, int]] = {}
        for name, sense, end in (("largest", "most", max), ("smallest", "least", min)):
            found = None
            self._ends[name] = ends = {}
            for path, decision in self.decisions.items():
                numbers = [_number(label) for label in decision.candidates]
                if decision.count == 1 and None not in numbers:
                    ends[path] = numbers.index(end(n for n in numbers if n is not None))
                    continue
                if found is None:
                    found = dict(zip(paths, cost.extreme(MACS, sense).outcomes, strict=True))  # type: ignore[arg-type]
                ends[path] = found[path]

    def __call__(self, which: str, rng: Random) -> dict[str, int]:
        """The outcome indices by decision; `which` is "largest", "smallest" or "random"."""
        if which == "random":
            return {path: rng.randrange(decision.size) for path, decision in self.decisions.items()}
        return self._ends[which]


def _number(label: str) -> float | None:
    try:
        return float(label)
    except ValueError:
        return None


@dataclass(frozen=True, eq=False)
class CoSearchMember:
    """One architecture of a differentiable search; most searches have a single one.

    `network` is its supernet, `learner` has its architecture parameters and their optimizer. `forward_passes`
    are the sizes ("sampled", "largest", "smallest", "random") of the network in each forward pass of a step,
    `pretrain_forward_passes` those in steps that train weights only. `sizes` assigns outcomes for sizes other
    than "sampled"; None if there are none.
    """

    name: str
    config: SearchConfig
    space: Space
    network: Any
    objective: ObjectiveFunction
    learner: Learner
    forward_passes: tuple[str, ...] = ("sampled",)
    pretrain_forward_passes: tuple[str, ...] = ("sampled",)
    sizes: Sizes | None = None
    decoder: Decoder | None = None
    latency: Term | None = None
    """The latency term by which decoded networks with different end rows are compared."""

    def decoded(self, found: Result, miou: Callable[[Mapping[str, int]], float]) -> Result:
        """The result `found`, with the network that the decoder, if any, derives from the current logits.

        If end rows of branches are compared by scores, `miou` scores the network found with each outcome of
        the decision on the end rows, as the released code of FasterSeg scores the supernet with each of its
        heads.
        """
        if self.decoder is None:
            return found
        logits = self._logits()
        candidates = self.decoder.candidates(logits)
        if not self.decoder.by_score:
            return replace(found, decoded=self.decoder.network(candidates[self.decoder.selected(logits)]))
        networks, scores = {}, {}
        for outcome, (ends, branches) in enumerate(candidates.items()):
            networks[ends] = network = self.decoder.network(branches)
            latency = None if self.latency is None else self.objective.costs.of_network(self.latency, network)
            scores[ends] = miou({**found.outcomes, str(self.decoder.config.select): outcome}), latency
        return replace(found, decoded=networks[self.decoder.preferred(scores)], ends=scores)

    def derived_costs(self, found: Result) -> Callable[[Term], list[float]]:
        """A function from a cost term to the costs of the derived networks.

        These are the decoded networks of all combinations of end rows, or `found` without a decoder.
        """
        costs = self.objective.costs
        if self.decoder is None:
            rows = [[found.outcomes.get(path, 0) for path in self.space.decisions]]
            return lambda term: [float(value) for value in costs.exact(term, rows)]
        candidates = self.decoder.candidates(self._logits()).values()
        networks = [self.decoder.network(branches) for branches in candidates]
        return lambda term: [costs.of_network(term, network) for network in networks]

    def _logits(self) -> dict[str, Any]:
        return {path: v.detach().cpu().numpy() for path, v in self.learner.architecture.vectors().items()}

    def samples(self, step: int, epoch: int, pretraining: bool) -> list[ArchitectureSample]:
        """A sample for each forward pass of a step: a function of seed, step and architecture parameters."""
        found = []
        sampled = self.learner.sample(step, epoch)
        for number, which in enumerate(self.pretrain_forward_passes if pretraining else self.forward_passes):
            if which == "sampled":
                found.append(sampled)
                continue
            assert self.sizes is not None
            rng = Random(f"{self.learner.seed} {step} {number}")
            found.append(_resized(sampled, self.sizes(which, rng), self.sizes.decisions))
        return found

    def labelled(self, name: str) -> str:
        """A name, prefixed by the name of the member if there are several members."""
        return f"{self.name} {name}" if self.name else name


def _resized(
    sample: ArchitectureSample, outcomes: Mapping[str, int], decisions: Mapping[str, Decision]
) -> ArchitectureSample:
    """A sample with these outcomes of the decisions on sizes, which then receive no gradients."""
    some = next(iter(sample.weights.values()))
    own = {
        path: one_hot(torch.tensor(outcome), decisions[path].size).to(some)
        for path, outcome in outcomes.items()
    }
    kept = None if sample.outcomes is None else {**sample.outcomes, **outcomes}
    return replace(sample, weights={**sample.weights, **own}, outcomes=kept)
