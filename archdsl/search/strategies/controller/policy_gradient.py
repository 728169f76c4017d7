"""The base class of strategies that sample proposals from a controller, and train it on their rewards."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple

import torch

from archdsl.configs.controllers import Lstm, Reinforce
from archdsl.search.strategies.base import Observation, Outcomes
from archdsl.search.strategies.controller.layout import layout
from archdsl.search.strategies.controller.lstm import LstmController
from archdsl.search.terms import cannot, configured
from archdsl.search.trials.domain import Domain
from archdsl.spec.search_values import Term

MOST = 1e15
"""The maximum absolute reward, so that squares of gradients are finite in float32."""
TRIES = (1, 15, 256, 2048)
"""The numbers of proposals sampled successively, until one satisfies the requirements on costs."""


class Sample(NamedTuple):
    """A sampled proposal, including the outcomes of inactive decisions.

    `counted` says for each decision whether its probability is part of `log_prob`, the log-probability of the
    proposal when it was sampled.
    """

    outcomes: Outcomes
    counted: tuple[bool, ...]
    log_prob: float


class PolicyGradient(ABC):
    """Samples proposals from an LSTM controller; `learn` trains the controller on the reward of each.

    The reward is the negated objective. The controller is not trained on proposals without a value, which
    failed or violate a requirement, nor on a network that was proposed before, since it would soon propose
    this network only. Samples that violate a requirement on costs are rejected and sampled again;
    probabilities are those before rejection. If no sample satisfies the requirements, a random network that
    does is proposed. The controller is trained on such networks, and on initial networks of the search, as if
    it had sampled them. All arithmetic uses one thread, since rounding of sums depends on the number of
    threads.
    """

    def __init__(self, config: Reinforce, domain: Domain, seed: int, dtype: torch.dtype = torch.float32):
        self.config, self.domain, self.seed = config, domain, seed
        written = config.controller or Term("lstm")
        controller: Lstm = configured(written)
        steps = layout(domain.paths, domain.sizes, controller, written.places)
        self.all_counted = (config.counted or ("all" if controller.feedback else "arising")) == "all"
        if controller.feedback and not self.all_counted:
            help = (
                '`counted = "all"`: a sampled outcome that is an input of the controller affects later ones'
            )
            raise cannot('`feedback` and `counted = "arising"` cannot be combined', help, written.at)
        self.controller = LstmController(controller, steps, self.generator("parameters", 0), dtype)
        self.parameters = list(self.controller.parameters())
        for parameter in self.parameters:
            parameter.grad = torch.zeros_like(parameter)
        self.optimizer = torch.optim.Adam(self.parameters, lr=config.rate, fused=True)
        self.mean: float | None = None
        self.proposed = self.learned = 0
        self.open: deque[Sample] = deque()

    def generator(self, what: str, number: int) -> torch.Generator:
        """A torch generator seeded by the seed of the search, a purpose, and an index."""
        return torch.Generator("cpu").manual_seed(self.random(what, number).getrandbits(63))

    def random(self, what: str, number: int) -> Random:
        """A generator of Python's `random`, seeded by the seed of the search, a purpose, and an index."""
        return Random(f"{self.seed} {what} {number}")

    def propose(self) -> Outcomes | None:
        with one_thread():
            sample = self._allowed()
        if sample is None:
            return None
        self.proposed += 1
        self.open.append(sample)
        return self.domain.canonical(sample.outcomes)

    def _allowed(self) -> Sample | None:
        """A sample that satisfies the requirements on costs; None if none was found."""
        generator = self.generator("proposal", self.proposed)
        for count in TRIES:
            sampled = self.controller.sample(count, generator)
            n = self._first_allowed(sampled.outcomes)
            if n is not None:
                return self._sample(tuple(sampled.outcomes[n].tolist()), sampled.log_probs[n])
        found = self.domain.sample(self.random("other proposal", self.proposed))
        return None if found is None else self._known(found)

    def _known(self, outcomes: Outcomes) -> Sample:
        """A network that the controller did not sample, as a sample with its current log-probability."""
        with torch.no_grad():
            found = self.controller.log_probs(torch.tensor([outcomes]), fast=True)
        return self._sample(outcomes, found.log_probs[0])

    def _first_allowed(self, outcomes: torch.Tensor) -> int | None:
        """The index of the first proposal that satisfies the requirements; None if none does."""
        many = self.domain.allowed_many(outcomes.numpy()) if len(outcomes) > TRIES[1] else None
        if many is not None:
            return int(many.argmax()) if many.any() else None
        allowed, canonical = self.domain.allowed, self.domain.canonical
        return next((n for n, one in enumerate(outcomes.tolist()) if allowed(canonical(tuple(one)))), None)

    def _sample(self, outcomes: Outcomes, log_probs: torch.Tensor) -> Sample:
        counted = (True,) * len(outcomes) if self.all_counted else self.domain.active(outcomes)
        return Sample(outcomes, counted, float(log_probs[torch.tensor(counted)].sum()))

    def observe(self, seen: Observation) -> None:
        own = self.open and self.domain.canonical(self.open[0].outcomes) == seen.outcomes
        sample = self.open.popleft() if own else None
        if seen.state == "repeated" or not math.isfinite(seen.value):
            return
        reward, decay = min(max(-seen.value, -MOST), MOST), self.config.baseline
        self.mean = reward if self.mean is None else decay * self.mean + (1 - decay) * reward
        with one_thread():
            self.learn(sample or self._known(seen.outcomes), reward, self.mean)
        self.learned += 1

    @abstractmethod
    def learn(self, sample: Sample, reward: float, mean: float) -> None:
        """Trains the controller on a sample; `mean` is the moving average of rewards, including this one."""

    def step(self, loss: torch.Tensor | None) -> None:
        """Runs an optimizer step on a loss; None stands for a zero gradient, so that only momentum acts."""
        self.optimizer.zero_grad(set_to_none=False)
        if loss is not None:
            loss.backward()  # type: ignore[no-untyped-call]
            if self.config.grad_clip:
                torch.nn.utils.clip_grad_norm_(self.parameters, self.config.grad_clip)
        self.optimizer.step()

    # ------------------------------------------------------------ snapshots

    def state(self) -> dict[str, Any]:
        arrays = {
            f"controller.{name}": parameter.detach().numpy().copy()
            for name, parameter in self.controller.named_parameters()
        }
        for name, parameter in self.controller.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                arrays[f"adam.{key}.{name}"] = value.numpy().copy()
        return {
            "seed": self.seed, "proposed": self.proposed, "learned": self.learned, "mean": self.mean,
            "open": [[list(one.outcomes), list(one.counted), one.log_prob] for one in self.open],
            "arrays": arrays,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        arrays = {name: torch.tensor(array) for name, array in state["arrays"].items()}
        self.optimizer.state.clear()
        with torch.no_grad():
            for name, parameter in self.controller.named_parameters():
                parameter.copy_(arrays[f"controller.{name}"])
                adam = {key: arrays.get(f"adam.{key}.{name}") for key in ("step", "exp_avg", "exp_avg_sq")}
                if adam["step"] is not None:
                    self.optimizer.state[parameter] = adam
        self.seed, self.mean = state["seed"], state["mean"]
        self.proposed, self.learned = state["proposed"], state["learned"]
        self.open = deque(
            Sample(tuple(outcomes), tuple(counted), log_prob) for outcomes, counted, log_prob in state["open"]
        )


@contextmanager
def one_thread() -> Iterator[None]:
    """A context manager in which torch uses one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
