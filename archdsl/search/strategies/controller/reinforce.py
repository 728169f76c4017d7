"""REINFORCE: the policy gradient with a moving average of rewards as baseline.

Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning" (1992).
"""

from __future__ import annotations

import torch

from archdsl.search.strategies.controller.policy_gradient import PolicyGradient, Sample


class Reinforce(PolicyGradient):
    """One optimizer step per proposal, along (reward - mean reward) · gradient of its log-probability."""

    def learn(self, sample: Sample, reward: float, mean: float) -> None:
        found = self.controller.log_probs(torch.tensor([sample.outcomes]), fast=True)
        counted = torch.tensor([sample.counted], dtype=found.log_probs.dtype)
        log_prob, entropy = ((one * counted).sum() for one in found)
        self.step(-(reward - mean) * log_prob - self.config.entropy * entropy)
