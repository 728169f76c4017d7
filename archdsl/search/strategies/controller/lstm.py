"""The LSTM controller of template-based search (Nekrasov, Shen, Reid, WACV 2020, arXiv:1904.02365).

The input of the first step is a learned vector; the input of each later step is the output (hidden state) of
the previous step, and, with `feedback`, the sum of this and an embedding of the sampled outcome. A linear
layer, a head, maps the output of each step to the logits of one decision. Without `feedback`, decisions are
sampled independently, and their distributions are the same for every proposal, so that one forward pass
suffices for any number of proposals.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from archdsl.configs.controllers import Lstm
from archdsl.search.strategies.controller.layout import Layout
from archdsl.search.strategies.controller.unroll import as_torch, quick, run


class Samples(NamedTuple):
    """Sampled outcome indices and their log-probabilities, both [proposals, decisions]."""

    outcomes: torch.Tensor
    log_probs: torch.Tensor


class LogProbs(NamedTuple):
    """Log-probabilities of outcomes, and entropies of their distributions, both [proposals, decisions]."""

    log_probs: torch.Tensor
    entropies: torch.Tensor


class LstmController(nn.Module):
    """An LSTM controller; initial parameters are uniform from -`config.init` to `config.init`.

    The logits of all steps are concatenated: `_first[d]` is the index of outcome 0 of decision d. Decisions
    have the indices that they have in the space, in whatever order they are sampled.
    """

    def __init__(
        self,
        config: Lstm,
        layout: Layout,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ):
        super().__init__()
        self.config, self.layout, self.dtype = config, layout, dtype

        def parameter(*shape: int) -> nn.Parameter:
            start = torch.rand(shape, generator=generator, dtype=torch.float64, device="cpu")
            return nn.Parameter(((2 * start - 1) * config.init).to(dtype))

        hidden = config.hidden
        self.start = parameter(hidden)
        shapes = ((4 * hidden, hidden), (4 * hidden, hidden), (4 * hidden,), (4 * hidden,)) * config.layers
        self.weights = nn.ParameterList(parameter(*shape) for shape in shapes)
        self.heads = parameter(sum(layout.ways), hidden)
        self.biases = parameter(sum(layout.ways))
        self.embedding = parameter(sum(layout.ways), hidden) if config.feedback else None
        self._places(layout)

    def _places(self, layout: Layout) -> None:
        """Computes the indices of heads, steps and decisions in the concatenated logits."""
        begins = [0]
        for ways in layout.ways:
            begins.append(begins[-1] + ways)
        rows: list[int] = []  # of `heads`
        segments: list[int] = []  # steps after warm-up
        first = [0] * len(layout.order)
        step_of = [0] * len(layout.order)
        for n, step in enumerate(layout.steps):
            if step.decision is not None:
                first[step.decision], step_of[step.decision] = len(rows), n
            rows += range(begins[step.head], begins[step.head + 1])
            segments += [n] * layout.ways[step.head]
        self._begins = begins
        self._rows, self._segments = _whole(rows), _whole(segments)
        self._first, self._step_of = _whole(first), _whole(step_of)
        self._sizes = _whole([layout.ways[layout.steps[n].head] for n in step_of])

    # ------------------------------------------------------------ distributions

    def distributions(self) -> list[torch.Tensor]:
        """The outcome probabilities of each step after warm-up; not available with `feedback`."""
        assert self.embedding is None, "the distributions depend on the choices that are fed back"
        with torch.no_grad():
            flat = self._log_probs(self._outputs()).exp().squeeze(1)
        return list(torch.split(flat, [self.layout.ways[step.head] for step in self.layout.steps]))

    def log_probs(self, outcomes: torch.Tensor, fast: bool = False) -> LogProbs:
        """Differentiable log-probabilities and entropies for outcome indices, [proposals, decisions].

        `fast` rounds differently from torch.nn.LSTM (`archdsl.search.strategies.controller.unroll.quick`).
        """
        flat = self._log_probs(self._outputs(outcomes, fast))
        entropies = -flat.new_zeros(len(self.layout.steps), flat.shape[1]).index_add(
            0, self._segments, flat.exp() * flat
        )
        entropies = entropies[self._step_of].t().expand(len(outcomes), -1)
        chosen = flat.t().expand(len(outcomes), -1).gather(1, self._first + outcomes)
        return LogProbs(chosen, entropies)

    def _outputs(self, outcomes: torch.Tensor | None = None, fast: bool = False) -> torch.Tensor:
        """The outputs of all steps, [steps, rows, hidden]: one row, or, with `feedback`, one per proposal."""
        steps, rows = self.layout.warmup + len(self.layout.steps), 1
        if self.embedding is not None and outcomes is not None:
            rows = len(outcomes)
        start = self.start.expand(1, rows, -1)
        inputs = torch.cat([start, start.new_zeros(steps - 1, *start.shape[1:])])
        if self.embedding is not None and outcomes is not None:
            after = self._step_of + self.layout.warmup + 1
            fed = self.embedding[self._rows[(self._first + outcomes).t()]]
            inputs = inputs.index_add(0, after[after < steps], fed[after < steps])
        weights = list(self.weights)
        return quick(inputs, weights) if fast else as_torch(inputs, weights)

    def _log_probs(self, outputs: torch.Tensor) -> torch.Tensor:
        """The concatenated log-probabilities of the outcomes of all steps after warm-up, [outcomes, rows]."""
        read = outputs[self.layout.warmup :][self._segments]  # [places, rows, hidden]
        logits = torch.bmm(read, self.heads[self._rows].unsqueeze(2)).squeeze(2)
        logits = logits + self.biases[self._rows].unsqueeze(1)
        segments = self._segments.unsqueeze(1).expand_as(logits)
        most = logits.new_zeros(len(self.layout.steps), logits.shape[1])
        most = most.scatter_reduce(0, segments, logits.detach(), "amax", include_self=False)
        logits = logits - most[self._segments]
        total = torch.zeros_like(most).index_add(0, self._segments, logits.exp())
        return logits - total.log()[self._segments]

    # ------------------------------------------------------------ proposals

    @torch.no_grad()
    def sample(self, count: int, generator: torch.Generator) -> Samples:
        """Samples `count` proposals."""
        chances = torch.rand(
            (count, len(self.layout.order)), generator=generator, dtype=torch.float64, device="cpu"
        )
        if self.embedding is None:
            return self._sampled(chances)
        return self._sampled_in_turn(chances)

    def _sampled(self, chances: torch.Tensor) -> Samples:
        """Samples all decisions at once by the inverses of their cumulative distributions.

        `chances` are uniform random numbers, [proposals, decisions].
        """
        flat = self._log_probs(self._outputs(fast=True)).squeeze(1)
        sums = flat.double().exp().cumsum(0)
        before = torch.cat([sums.new_zeros(1), sums])
        low, high = before[self._first], before[self._first + self._sizes]
        places = torch.searchsorted(sums, (low + chances * (high - low)).contiguous(), right=True)
        outcomes = (places - self._first).clamp(min=0).minimum(self._sizes - 1)
        return Samples(outcomes, flat[self._first + outcomes])

    def _sampled_in_turn(self, chances: torch.Tensor) -> Samples:
        """Samples decisions in sequence, where each sampled outcome is fed back to the next step."""
        count = len(chances)
        outcomes = torch.zeros_like(chances, dtype=torch.long)
        log_probs = torch.zeros_like(chances, dtype=self.dtype)
        inputs = list(
            self.start.new_zeros(self.layout.warmup + len(self.layout.steps), count, len(self.start))
        )
        inputs[0] += self.start
        for t, layers in enumerate(run(inputs, list(self.weights))):
            step = self.layout.steps[t - self.layout.warmup] if t >= self.layout.warmup else None
            if step is None or step.decision is None:
                continue
            rows = slice(self._begins[step.head], self._begins[step.head + 1])
            found = (layers[-1][0] @ self.heads[rows].t() + self.biases[rows]).log_softmax(1)
            sums = found.double().exp().cumsum(1)
            chance = chances[:, step.decision, None] * sums[:, -1:]
            chosen = torch.searchsorted(sums, chance, right=True).clamp(max=found.shape[1] - 1)
            outcomes[:, step.decision] = chosen.squeeze(1)
            log_probs[:, step.decision] = found.gather(1, chosen).squeeze(1)
            if t + 1 < len(inputs) and self.embedding is not None:
                inputs[t + 1] = self.embedding[rows][chosen.squeeze(1)]
        return Samples(outcomes, log_probs)


def _whole(numbers: list[int]) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.long, device="cpu")
