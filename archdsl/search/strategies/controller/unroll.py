"""Unrolls an LSTM whose input is its own previous output.

The input of step t is the output of step t - 1 plus `inputs[t]`; the input of step 0 is `inputs[0]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

State = tuple[torch.Tensor, torch.Tensor]
"""The hidden state and the cell state of a layer, [rows, hidden] each."""


def as_torch(inputs: torch.Tensor, weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """The outputs of all steps, [steps, rows, hidden], by the kernels of torch.nn.LSTM and autograd.

    `inputs` are [steps, rows, hidden]; `weights` are in the order of torch.nn.LSTM.
    """
    layers, outputs = len(weights) // 4, []
    states = cells = inputs.new_zeros(layers, *inputs.shape[1:])
    for t, added in enumerate(inputs.unbind()):
        fed = states[-1] + added if t else added
        _, states, cells = torch.lstm(
            fed.unsqueeze(0), (states, cells), weights, True, layers, 0.0, True, False, False
        )  # type: ignore[call-overload]
        outputs.append(states[-1])
    return torch.stack(outputs)


def quick(inputs: torch.Tensor, weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """The outputs of `as_torch`, computed several times faster, with different rounding; differentiable once.

    For single steps in float32, torch.lstm_cell is faster than torch.lstm. The backward pass computes all
    steps together, except the recurrence.
    """
    found: torch.Tensor = _Quick.apply(inputs, *weights)  # type: ignore[no-untyped-call]
    return found


def run(inputs: Sequence[torch.Tensor], weights: Sequence[torch.Tensor]) -> Iterator[list[State]]:
    """Yields the states of all layers after each step; the hidden state of the last layer is the output.

    `inputs` are [rows, hidden] each, and are read when their step begins, so that the caller can change later
    ones.
    """
    layers = [weights[n : n + 4] for n in range(0, len(weights), 4)]
    last = [(torch.zeros_like(inputs[0]), torch.zeros_like(inputs[0])) for _ in layers]
    for t, added in enumerate(inputs):
        fed = last[-1][0] + added if t else added
        for n, layer in enumerate(layers):
            last[n] = torch.lstm_cell(fed, last[n], *layer)
            fed = last[n][0]
        yield last


class _Quick(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
        by_step = [state for layers in run(inputs.unbind(), weights) for state in layers]
        shape = (len(inputs), len(weights) // 4, *inputs.shape[1:])
        kept = [
            torch.stack(one).view(shape).transpose(0, 1) for one in zip(*by_step, strict=True)
        ]  # [layers, steps, rows, hidden]
        ctx.save_for_backward(inputs, *kept, *weights)
        return kept[0][-1]

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, ...]:
        inputs, states, cells, *weights = ctx.saved_tensors
        return tuple(_back(gradients[0], inputs, states, cells, weights))


def _back(
    outputs: torch.Tensor, inputs: torch.Tensor, states: torch.Tensor, cells: torch.Tensor,
    weights: Sequence[torch.Tensor],
) -> list[torch.Tensor]:  # fmt: skip
    """The gradients of the inputs and of the weights, given the gradients `outputs` of the outputs.

    States and cells are [layers, steps, rows, hidden].
    """
    before = torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], 1)  # each step's own last states
    fed = torch.cat([(inputs + before[-1])[None], states[:-1]])
    parts = [_Part(fed[n], before[n], cells[n], weights[4 * n : 4 * n + 4]) for n in range(len(states))]
    inputs_back = []
    below = torch.zeros_like(inputs[0])
    for t, output in reversed(list(enumerate(outputs.unbind()))):
        below = output + below
        for part in reversed(parts):
            below = part.back(t, below)
        inputs_back.append(below)
    return [torch.stack(inputs_back[::-1]), *(one for part in parts for one in part.of_weights())]


class _Part:
    """The backward pass of one layer, step by step from the last one; the gates are recomputed.

    `fed` are the inputs of the layer, `before` its previous states, both [steps, rows, hidden].
    """

    def __init__(
        self, fed: torch.Tensor, before: torch.Tensor, cells: torch.Tensor, layer: Sequence[torch.Tensor]
    ):
        self.by_input, self.by_own = layer[:2]
        rows, hidden = cells.shape[1:]
        self.fed, self.before = fed.reshape(-1, hidden), before.reshape(-1, hidden)
        sums = torch.addmm(layer[2] + layer[3], self.fed, self.by_input.t()).addmm_(
            self.before, self.by_own.t()
        )
        sums = sums.view(-1, rows, 4, hidden)
        i, f, o = (sums[:, :, n].sigmoid() for n in (0, 1, 3))
        g, squashed = sums[:, :, 2].tanh(), cells.tanh()
        cells_before = torch.cat([torch.zeros_like(cells[:1]), cells[:-1]])
        slopes = torch.stack([g * i * (1 - i), cells_before * f * (1 - f), i * (1 - g**2)], 2)
        self.gradients = torch.empty_like(sums)  # of what comes before the gates
        parts = (
            o * (1 - squashed**2), slopes, squashed * o * (1 - o), f, self.gradients[:, :, :3],
            self.gradients[:, :, 3], self.gradients.flatten(2),
        )  # fmt: skip
        self.by_step = list(zip(*(part.unbind() for part in parts), strict=True))
        self.cell, self.own = torch.zeros_like(cells[0]), torch.zeros_like(cells[0])

    def back(self, t: int, output: torch.Tensor) -> torch.Tensor:
        """The gradient of the layer's input at step t, given the gradient of its output."""
        through, slopes, slope, forget, inner, outer, gradient = self.by_step[t]
        state = output + self.own
        self.cell.addcmul_(state, through)
        torch.mul(slopes, self.cell.unsqueeze(1), out=inner)
        torch.mul(slope, state, out=outer)
        self.cell.mul_(forget)
        self.own = gradient @ self.by_own
        return torch.mm(gradient, self.by_input)

    def of_weights(self) -> tuple[torch.Tensor, ...]:
        gradients = self.gradients.view(len(self.fed), -1)
        bias = gradients.sum(0)
        return gradients.t() @ self.fed, gradients.t() @ self.before, bias, bias
