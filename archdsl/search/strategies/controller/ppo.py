"""Proximal policy optimization (Schulman et al., arXiv:1707.06347) without a critic.

As in template-based search (arXiv:1904.02365): src/rl of github.com/DrSleep/nas-segm-pytorch, commit 5de0c5c.
"""

from __future__ import annotations

from typing import Any

import torch

from archdsl.configs import controllers
from archdsl.search.strategies.controller.policy_gradient import PolicyGradient, Sample
from archdsl.search.trials.domain import Domain


class Ppo(PolicyGradient):
    """PPO with a ring buffer of the last proposals, on which the controller is trained after each.

    The loss of a proposal is -min(r · A, clip(r) · A), where r is the ratio of its current probability to its
    probability when it was sampled, and the advantage A is its reward minus the current mean reward. With
    `update` "exact", there is an optimizer step for each slot of the buffer, in random order; empty slots
    have a gradient of zero, so that only Adam's momentum moves the parameters. With "batched", there is one
    step on the mean loss of the filled slots, which needs one forward pass of the controller, but a larger
    learning rate for the same progress.
    """

    config: controllers.Ppo

    def __init__(
        self, config: controllers.Ppo, domain: Domain, seed: int, dtype: torch.dtype = torch.float32
    ):
        super().__init__(config, domain, seed, dtype)
        slots, decisions = config.buffer, len(domain.sizes)
        self.outcomes = torch.zeros(slots, decisions, dtype=torch.long)
        self.counted = torch.zeros(slots, decisions, dtype=dtype)
        self.log_probs = torch.zeros(slots, dtype=dtype)
        self.rewards = torch.zeros(slots, dtype=torch.float64)

    @property
    def filled(self) -> int:
        """The number of filled slots, which are the first ones."""
        return min(self.learned, self.config.buffer)

    def learn(self, sample: Sample, reward: float, mean: float) -> None:
        slot = self.learned % self.config.buffer
        self.outcomes[slot] = torch.tensor(sample.outcomes)
        self.counted[slot] = torch.tensor(sample.counted)
        self.log_probs[slot], self.rewards[slot] = sample.log_prob, reward
        filled = min(self.learned + 1, self.config.buffer)
        advantages = (self.rewards - mean).to(self.log_probs.dtype)
        for epoch in range(self.config.epochs):
            if self.config.update == "batched":
                loss, _ = self._loss(slice(filled), advantages)
                self.step(loss.mean())
                continue
            noise = self.generator(f"order {epoch}", self.learned)
            for n in torch.randperm(self.config.buffer, generator=noise).tolist():
                self.step(self._alone(n, advantages) if n < filled else None)

    def _alone(self, n: int, advantages: torch.Tensor) -> torch.Tensor | None:
        """The loss of the proposal in slot `n`; None if its gradient is zero."""
        loss, idle = self._loss(slice(n, n + 1), advantages)
        return None if idle else loss[0]

    def _loss(self, slots: slice, advantages: torch.Tensor) -> tuple[torch.Tensor, bool]:
        """The PPO losses of the proposals in these slots, and whether the gradients of all are zero."""
        found = self.controller.log_probs(self.outcomes[slots], fast=True)
        log_probs, entropies = ((one * self.counted[slots]).sum(1) for one in found)
        # Beyond e^30 no gradient is of any use, and squares of it would overflow.
        ratios = (log_probs - self.log_probs[slots]).clamp(max=30).exp()
        advantage, clip = advantages[slots], self.config.clip
        clipped = ratios.clamp(1 - clip, 1 + clip)
        losses = -torch.minimum(ratios * advantage, clipped * advantage)
        bounded = (ratios * advantage > clipped * advantage) | (advantage == 0)
        idle = not self.config.entropy and bool(bounded.all())
        return losses - self.config.entropy * entropies, idle

    def state(self) -> dict[str, Any]:
        found = super().state()
        for name in ("outcomes", "counted", "log_probs", "rewards"):
            found["arrays"][f"buffer.{name}"] = getattr(self, name)[: self.filled].numpy().copy()
        return found

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        for name in ("outcomes", "counted", "log_probs", "rewards"):
            getattr(self, name)[: self.filled] = torch.tensor(state["arrays"][f"buffer.{name}"])
