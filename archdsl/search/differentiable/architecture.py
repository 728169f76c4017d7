"""Architecture parameters: a logit for each outcome of each decision, and samplers of outcomes.

Independent of networks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import one_hot

from archdsl.ir import Decision
from archdsl.passes.analyses.cells import CellGraph
from archdsl.search.config import Communication
from archdsl.search.differentiable.communicate import Linked, linked
from archdsl.search.differentiable.samplers import Sampling

Vectors = dict[str, torch.Tensor]
"""A vector for each decision, by path, with an entry for each outcome."""


@dataclass(frozen=True)
class ArchitectureSample:
    """The outcomes sampled for one step: `weights`, by decision, have a sum of 1.

    `outcomes` are the outcome indices if a single network was sampled, else None.
    """

    weights: Vectors
    outcomes: dict[str, int] | None = None
    trained: bool = True
    """Whether gradients flow through the weights of a single sampled network (sampler `one_path`)."""


FREE: Mapping[str, int] = {}


class Architecture(nn.Module):
    """The logits of all decisions; decisions with the same number of outcomes are rows of one matrix.

    `communication` configures message passing between `cells`. `init` is the standard deviation of the
    initial logits. Logits of decisions in `still` are not trained; decisions in `fixed` always have the
    outcome of this index. In the notation of SNAS (arXiv:1812.09926), logits are log α up to a constant, to
    which softmax is invariant.
    """

    def __init__(
        self, decisions: Mapping[str, Decision], cells: CellGraph, communication: Communication,
        init: float, seed: int, still: Collection[str] = (), fixed: Mapping[str, int] = FREE,
    ):  # fmt: skip
        super().__init__()
        self.fixed = dict(fixed)
        self.decisions, self.still = dict(decisions), frozenset(still)
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
        for size, logits in self.logits.items():
            self.register_buffer(f"first_{size}", logits.detach().clone(), persistent=False)
        self.linked: Linked | None = linked(cells, communication, seed)

    def vectors(self) -> Vectors:
        """The logits of each decision after message passing."""
        raw: Vectors = {}
        for size, paths in self.rows.items():
            now, first = self.logits[str(size)].unbind(), self.get_buffer(f"first_{size}").unbind()
            raw |= {path: (first if path in self.still else now)[n] for n, path in enumerate(paths)}
        found = self.linked(raw) if self.linked is not None else raw
        return {**found, **{path: _certain(raw[path], outcome) for path, outcome in self.fixed.items()}}

    def messages(self) -> Iterator[nn.Parameter]:
        """Yields the parameters of message passing."""
        return iter(()) if self.linked is None else self.linked.parameters()

    def probabilities(self) -> Vectors:
        """The outcome probabilities of each decision: the softmax of its logits."""
        return {path: logits.softmax(0) for path, logits in self.vectors().items()}

    def chosen(self) -> dict[str, int]:
        """The most probable outcome of each decision (argmax)."""
        return {path: int(logits.argmax()) for path, logits in self.vectors().items()}

    def sample(self, by: Mapping[str, Sampling], generator: torch.Generator) -> ArchitectureSample:
        """Samples the weights of outcomes for one step; `by` is the sampling of each decision.

        "softmax": softmax of the logits divided by the temperature. "gumbel": Gumbel noise is added to the
        logits first (AutoRTNet, arXiv:2003.14226, eq. 3, after SNAS, arXiv:1812.09926). "hard" and
        "one_path": the argmax of the latter, with a straight-through gradient. "uniform": an outcome sampled
        uniformly; "fixed": the argmax of the logits; both without gradients. The noise does not depend on the
        samplers.
        """
        vectors = self.vectors()
        weights: Vectors = {}
        for size, paths in self.rows.items():
            noise_nq = _gumbel(torch.Size((len(paths), size)), generator)
            for how in dict.fromkeys(by[path] for path in paths):
                rows = [n for n, path in enumerate(paths) if by[path] == how]
                logits_nq = torch.stack([vectors[paths[n]] for n in rows])
                sampled_nq = _sampled(logits_nq, noise_nq[rows].to(logits_nq), how)
                weights.update(zip([paths[n] for n in rows], sampled_nq.unbind(), strict=True))
        if not all(by[path].takes_one for path in weights):
            return ArchitectureSample(weights)
        outcomes = {path: int(weight.detach().argmax()) for path, weight in weights.items()}
        return ArchitectureSample(
            weights, outcomes, trained=any(how.name == "one_path" for how in by.values())
        )


def _certain(like_q: torch.Tensor, outcome: int) -> torch.Tensor:
    """Constant logits that give an outcome probability 1 at any temperature."""
    logits_q = torch.full_like(like_q, -1e6)
    logits_q[outcome] = 0.0
    return logits_q


def _sampled(logits_nq: torch.Tensor, noise_nq: torch.Tensor, how: Sampling) -> torch.Tensor:
    """Samples the weights of n decisions with q outcomes each; a row for each decision."""
    if not how.started or how.name == "uniform":
        logits_nq = torch.zeros_like(logits_nq)
    if how.name == "fixed":
        return one_hot(logits_nq.detach().argmax(1), logits_nq.shape[1]).to(logits_nq)
    if how.name != "softmax":
        logits_nq = logits_nq + noise_nq
    soft_nq = (logits_nq / how.tau).softmax(1)
    return soft_nq if how.name in ("gumbel", "softmax") else _rounded(soft_nq)


def _gumbel(shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """Gumbel noise: -log(-log U), with U uniform in (0, 1)."""
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64).clamp(1e-12, 1 - 1e-12)
    return -(-uniform.log()).log()


def _rounded(soft_nq: torch.Tensor) -> torch.Tensor:
    """The one-hot argmax of each row, with a straight-through gradient."""
    hard_nq = one_hot(soft_nq.argmax(1), soft_nq.shape[1]).to(soft_nq)
    return hard_nq + (soft_nq - soft_nq.detach())
