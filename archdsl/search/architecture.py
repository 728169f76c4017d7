"""Architecture parameters: a logit for each outcome of each decision, and what is drawn from them.

Decisions are all that is seen here, never a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import one_hot

from archdsl.ir import Decision
from archdsl.search.communicate import Linked, linked
from archdsl.search.plan import Communication, SamplerName

Vectors = dict[str, torch.Tensor]
"""By the path of a decision, a number for each outcome."""


@dataclass(frozen=True)
class Draw:
    """What one step uses: weights by decision, which sum to 1, and where one network was drawn, which."""

    weights: Vectors
    outcomes: dict[str, int] | None = None
    trained: bool = True
    """Whether the weights carry gradients."""


class Architecture(nn.Module):
    """Logits of all decisions; those of one number of outcomes are rows of one matrix.

    `init` is the standard deviation that logits start with.  Parameters are the logarithms of SNAS'
    α up to a constant, which a softmax does not see.
    """

    def __init__(
        self, decisions: Mapping[str, Decision], communication: Communication, init: float, seed: int
    ):
        super().__init__()
        self.decisions = dict(decisions)
        generator = torch.Generator().manual_seed(seed)
        self.rows: dict[int, list[str]] = {}
        for path, decision in decisions.items():
            self.rows.setdefault(decision.size, []).append(path)
        self.logits = nn.ParameterDict(
            {
                str(size): nn.Parameter(torch.randn(len(paths), size, generator=generator) * init)
                for size, paths in sorted(self.rows.items())
            }
        )
        self.linked: Linked | None = linked(self.decisions, communication, seed)

    def vectors(self) -> Vectors:
        """The logits of each decision, messages between cells included."""
        raw = {
            path: row
            for size, paths in self.rows.items()
            for path, row in zip(paths, self.logits[str(size)].unbind(), strict=True)
        }
        return self.linked(raw) if self.linked is not None else raw

    def probabilities(self) -> Vectors:
        """The chance of each outcome."""
        return {path: logits.softmax(0) for path, logits in self.vectors().items()}

    def chosen(self) -> dict[str, int]:
        """The likeliest outcome of each decision."""
        return {path: int(logits.argmax()) for path, logits in self.vectors().items()}

    def draw(
        self,
        sampler: SamplerName,
        tau: float,
        generator: torch.Generator,
        frozen: frozenset[str] = frozenset(),
    ) -> Draw:
        """Weights for one step; decisions in `frozen` are drawn alike and not trained.

        "softmax" takes the probabilities at temperature `tau`; "gumbel" adds noise to the logits first
        (eq. 3 of AutoRTNet, after SNAS, arXiv:1812.09926); "hard" and "one_path" round that to the likeliest
        outcome and pass gradients as if they did not (straight-through); "uniform" draws each outcome alike
        and "fixed" takes the likeliest, both without training.
        """
        vectors = self.vectors()
        weights: Vectors = {}
        for paths in self.rows.values():
            logits_nq = torch.stack([vectors[path] for path in paths])
            still = torch.tensor([path in frozen or sampler == "uniform" for path in paths])
            logits_nq = logits_nq.masked_fill(still.to(logits_nq.device)[:, None], 0.0)
            rows_nq = _sampled(logits_nq, sampler, tau, generator)
            weights.update(zip(paths, rows_nq.unbind(), strict=True))
        weights = {path: w.detach() if path in frozen else w for path, w in weights.items()}
        if sampler in ("gumbel", "softmax", "hard"):
            return Draw(weights)
        outcomes = {path: int(weight.detach().argmax()) for path, weight in weights.items()}
        return Draw(weights, outcomes, trained=sampler == "one_path")


def depths(decisions: Mapping[str, Decision]) -> list[str]:
    """Decisions of depth: those whose candidates are the numbers from 1 up, such as gates."""
    return [
        path
        for path, d in decisions.items()
        if d.count == 1 and d.size > 1 and d.candidates == tuple(map(str, range(1, d.size + 1)))
    ]


def _sampled(
    logits_nq: torch.Tensor, sampler: SamplerName, tau: float, generator: torch.Generator
) -> torch.Tensor:
    """Weights of n decisions of q outcomes each, by row."""
    if sampler == "fixed":
        return one_hot(logits_nq.detach().argmax(1), logits_nq.shape[1]).to(logits_nq)
    if sampler != "softmax":
        logits_nq = logits_nq + _gumbel(logits_nq.shape, generator).to(logits_nq)
    soft_nq = (logits_nq / tau).softmax(1)
    return soft_nq if sampler in ("gumbel", "softmax") else _rounded(soft_nq)


def _gumbel(shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """-log(-log U), U uniform between 0 and 1, without its ends."""
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)
    return -(-uniform.log()).log()


def _rounded(soft_nq: torch.Tensor) -> torch.Tensor:
    """1 for the greatest of a row and 0 for the others in value; the gradient of what was rounded."""
    hard_nq = one_hot(soft_nq.argmax(1), soft_nq.shape[1]).to(soft_nq)
    return hard_nq + (soft_nq - soft_nq.detach())
