"""An LSTM whose input is its own last output, unrolled.

`inputs[t]` is added to the last output to form the input of step t; step 0 has no last output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

State = tuple[torch.Tensor, torch.Tensor]
"""The hidden state and the cells of a layer, [rows, hidden] each."""


def as_torch(inputs: torch.Tensor, weights: Sequence[torch.Tensor]) -> torch.Tensor:
    """The outputs of all steps, [steps, rows, hidden], by the kernels of torch.nn.LSTM and by autograd.

    `inputs` are [steps, rows, hidden], `weights` those of torch.nn.LSTM.
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
    """The same several times as fast, rounded otherwise; autograd differentiates it once.

    For single steps torch.lstm_cell is faster than what torch.lstm has for float32.  The backward pass does
    for all steps together what autograd does in a thousand small operations, but for the recurrence itself.
    """
    found: torch.Tensor = _Quick.apply(inputs, *weights)  # type: ignore[no-untyped-call]
    return found


def run(inputs: Sequence[torch.Tensor], weights: Sequence[torch.Tensor]) -> Iterator[list[State]]:
    """The layers after each step of a quick run; the hidden state of the last is the output.

    `inputs` are [rows, hidden] each, and are read when their step begins.
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
    """Gradients of the inputs and of the weights, from those of the outputs.

    States and cells are [layers, steps, rows, hidden].  Gates, [layers, steps, rows, 4, hidden], are computed
    anew.
    """
    layers, steps, rows, hidden = states.shape
    states_before, cells_before = (
        torch.cat([one.new_zeros(layers, 1, rows, hidden), one[:, :-1]], 1) for one in (states, cells)
    )
    fed = torch.cat([(inputs + states_before[-1])[None], states[:-1]])
    read = torch.cat([fed, states_before], 3).view(layers, steps * rows, 2 * hidden)
    both = torch.stack([torch.cat([weights[4 * n], weights[4 * n + 1]], 1) for n in range(layers)])
    bias = torch.stack([weights[4 * n + 2] + weights[4 * n + 3] for n in range(layers)]).unsqueeze(1)
    gates = torch.baddbmm(bias, read, both.transpose(1, 2)).view(layers, steps, rows, 4, hidden)
    i, f, o = (gates[:, :, :, n].sigmoid() for n in (0, 1, 3))
    g, squashed = gates[:, :, :, 2].tanh(), cells.tanh()
    gradients = torch.empty_like(gates)  # of what comes before the gates
    parts = (
        o * (1 - squashed**2), torch.stack([g * i * (1 - i), cells_before * f * (1 - f), i * (1 - g**2)], 3),
        squashed * o * (1 - o), f, gradients[:, :, :, :3], gradients[:, :, :, 3], gradients.flatten(3),
    )  # fmt: skip
    by_step = [list(zip(*(part[n].unbind() for part in parts), strict=True)) for n in range(layers)]
    inputs_back, below = torch.empty_like(inputs), inputs.new_zeros(rows, hidden)
    cell = [torch.zeros_like(below) for _ in range(layers)]
    own = [torch.zeros_like(below) for _ in range(layers)]
    for t, output in reversed(list(enumerate(outputs.unbind()))):
        below = output + below
        for n in reversed(range(layers)):
            through, slopes, slope, forget, inner, outer, flat = by_step[n][t]
            state = below + own[n]
            cell[n].addcmul_(state, through)
            torch.mul(slopes, cell[n].unsqueeze(1), out=inner)
            torch.mul(slope, state, out=outer)
            cell[n].mul_(forget)
            below, own[n] = (flat @ both[n]).split(hidden, 1)
        inputs_back[t] = below
    gradients = gradients.view(layers, steps * rows, 4 * hidden)
    whole, biases = gradients.transpose(1, 2) @ read, gradients.sum(1)
    found = [inputs_back]
    for n in range(layers):
        found += [whole[n, :, :hidden], whole[n, :, hidden:], biases[n], biases[n]]
    return found
