"""Supernets written by hand in the manner of DARTS and NNI, to compare with compiled ones.

Every edge is a list of candidates, each an `nn.Sequential` with a ReLU of its own, and their sum by weight
(quark0/darts, cnn/model_search.py).  The spaces are those of specs/space.arch and specs/gas.arch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
from torch import nn

Weights = dict[str, torch.Tensor]
EDGES = ("pm", "qm", "pn", "qn", "mn")


def conv1(c_in: int, c: int, k: int = 3, s: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c, k, s, k // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(c))


def sep1(c: int, s: int, d: int = 1) -> nn.Sequential:
    depthwise = nn.Conv2d(c, c, 3, s, d, d, groups=c, bias=False)
    return nn.Sequential(nn.ReLU(), depthwise, nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c))


def conv_bn_relu(c_in: int, c: int, k: int = 3, s: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(c_in, c, k, s, k // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(c), nn.ReLU(inplace=True))


class Zero(nn.Module):
    def __init__(self, s: int):
        super().__init__()
        self.s = s

    def forward(self, x):
        return x[:, :, :: self.s, :: self.s].mul(0.0)


class FactorizedReduce(nn.Module):
    def __init__(self, c_in: int, c: int):
        super().__init__()
        self.relu = nn.ReLU()
        self.even = nn.Conv2d(c_in, c // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(c_in, c // 2, 1, 2, bias=False)
        self.bn = nn.BatchNorm2d(c)

    def forward(self, x):
        x = self.relu(x)
        return self.bn(torch.cat((self.even(x), self.odd(F.pad(x, (-1, 1, -1, 1)))), 1))


def candidates(c: int, s: int, dilations: Sequence[int]) -> list[nn.Module]:
    skip = nn.Identity() if s == 1 else FactorizedReduce(c, c)
    plain = [Zero(s), skip, nn.MaxPool2d(3, s, 1), conv1(c, c, s=s), sep1(c, s)]
    return plain + [sep1(c, s, d) for d in dilations]


class MixedOp(nn.Module):
    """The sum of candidates by weight; `zero=False` leaves out the one that adds nothing."""

    def __init__(self, ops: Sequence[nn.Module], zero: bool):
        super().__init__()
        self.ops = nn.ModuleList(ops)
        self.first = 0 if zero else 1

    def forward(self, x, weights):
        chosen = list(zip(weights, self.ops, strict=True))[self.first :]
        return sum(w * op(x) for w, op in chosen)


class TwoNode(nn.Module):
    def __init__(self, c: int, s: int, dilations: Sequence[int], zero: bool):
        super().__init__()
        strides = (s, s, s, s, 1)
        self.edges = nn.ModuleList(MixedOp(candidates(c, stride, dilations), zero) for stride in strides)

    def forward(self, p, q, weights):
        pm, qm, pn, qn, mn = self.edges
        m = pm(p, weights[0]) + qm(q, weights[1])
        n = pn(p, weights[2]) + qn(q, weights[3]) + mn(m, weights[4])
        return torch.cat((m, n), 1)


def of_cell(weights: Weights, cell: str) -> list[torch.Tensor]:
    return [weights[f"{cell}.{edge}"] for edge in EDGES]


def resized(x, like):
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


class SmallByHand(nn.Module):
    """specs/space.arch: three hyper-cells, whose gates weigh the cells that may speak for them."""

    def __init__(self, classes: int = 11, cells=(2, 3, 4), widths=(8, 16, 24), zero: bool = True):
        super().__init__()
        self.stem = conv_bn_relu(3, 8, s=2)
        self.before = conv1(8, widths[0], k=1)
        self.inputs, self.others, self.cells = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.passing = nn.ModuleList()
        last = 8
        for k, (count, c) in enumerate(zip(cells, widths, strict=True)):
            self.inputs.append(nn.ModuleList(conv1(last if i == 0 else 2 * c, c, k=1) for i in range(count)))
            self.others.append(
                nn.ModuleList(
                    FactorizedReduce(last, c) if i == 0 else conv1(2 * c, c, k=1) for i in range(count - 1)
                )
            )
            self.cells.append(nn.ModuleList(TwoNode(c, 1 if i else 2, (2,), zero) for i in range(count)))
            if k < 2:
                adapters = FactorizedReduce(last, widths[k + 1]), conv1(2 * c, widths[k + 1], k=1)
                self.passing.append(nn.ModuleList(adapters))
            last = 2 * c
        self.heads = nn.ModuleList(conv_bn_relu(2 * c, 32, k=1) for c in widths)
        self.join = conv_bn_relu(32, 32)
        self.classify = nn.Conv2d(32, classes, 1)

    def forward(self, image, weights: Weights):
        x = self.stem(image)
        before, outs = self.before(x), []
        for k in range(3):
            row = [x]
            for i, cell in enumerate(self.cells[k]):
                name = f"hyper[{k + 1}].{'Normal' if i else 'Reduce'}"
                other = self.others[k][i - 1](row[i - 1]) if i else before
                row.append(cell(self.inputs[k][i](row[i]), other, of_cell(weights, name)))
            gate = weights[f"hyper[{k + 1}].gate"]
            x = sum(w * y for w, y in zip(gate, row[1:], strict=True))
            outs.append(x)
            if k < 2:  # what the cell before reads; without a cell before, what the hyper-cell read
                reduce, adapt = self.passing[k]
                rest = gate[1:].sum()
                previous = sum(w / rest * y for w, y in zip(gate[1:], row[1:], strict=False))
                before = gate[0] * reduce(row[0]) + rest * adapt(previous)
        fine, middle, coarse = (head(out) for head, out in zip(self.heads, outs, strict=True))
        y = fine + resized(middle, fine) + resized(coarse, fine)
        return resized(self.classify(self.join(y)), image)

    def in_order(self) -> Iterator[nn.Module]:
        """Its parts in the order in which the spec names them."""
        yield from (self.stem, self.before)
        for k, cells in enumerate(self.cells):
            for i, cell in enumerate(cells):
                yield from (self.inputs[k][i], *self.others[k][max(i - 1, 0) : i], cell)
            yield from self.passing[k : k + 1]
        yield from (*reversed(self.heads), self.join, self.classify)


class GasByHand(nn.Module):
    """specs/gas.arch: fourteen cells with an architecture of their own."""

    def __init__(self, classes: int = 19, zero: bool = True):
        super().__init__()
        self.stem = nn.Sequential(conv_bn_relu(3, 8, s=2), conv_bn_relu(8, 8), conv_bn_relu(8, 8))
        self.inputs, self.others, self.cells = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        c, sizes = 8, [(8, 1), (8, 1)]
        for i in range(1, 15):
            s = 2 if i in (1, 5, 10) else 1
            c = 3 * c if s == 2 else c
            (c_last, at_last), (c_other, at_other) = sizes[-1], sizes[-2]
            self.inputs.append(conv1(c_last, c, k=1))
            same = at_last == at_other
            self.others.append(conv1(c_other, c, k=1) if same else FactorizedReduce(c_other, c))
            self.cells.append(TwoNode(c, s, (2, 4, 8), zero))
            sizes.append((2 * c, at_last * s))
        self.aspp = Aspp(2 * c, 96)
        self.classify = nn.Conv2d(96, classes, 1)

    def forward(self, image, weights: Weights):
        x = before = self.stem(image)
        for i, cell in enumerate(self.cells):
            y = cell(self.inputs[i](x), self.others[i](before), of_cell(weights, f"cells[{i + 1}]"))
            before, x = x, y
        return resized(self.classify(self.aspp(x)), image)

    def in_order(self) -> Iterator[nn.Module]:
        yield self.stem
        for parts in zip(self.inputs, self.others, self.cells, strict=True):
            yield from parts
        yield from (self.aspp, self.classify)


class Aspp(nn.Module):
    def __init__(self, c_in: int, c: int):
        super().__init__()
        self.point = conv_bn_relu(c_in, c, k=1)
        self.dilated = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(c_in, c_in, 3, 1, d, d, groups=c_in, bias=False), conv_bn_relu(c_in, c, k=1)
            )
            for d in (6, 12, 18)
        )
        self.whole = nn.Conv2d(c_in, c, 1, bias=False)
        self.join = conv_bn_relu(5 * c, c, k=1)

    def forward(self, x):
        whole = F.relu(self.whole(x.mean((2, 3), keepdim=True)))
        branches = [self.point(x), *(branch(x) for branch in self.dilated), resized(whole, x)]
        return self.join(torch.cat(branches, 1))


def load(by_hand: nn.Module, compiled: nn.Module) -> None:
    """Gives a network written by hand the parameters of a compiled one, in the order of the spec."""
    mine = [
        layer
        for part in by_hand.in_order()
        for layer in part.modules()
        if list(layer.parameters(recurse=False))
    ]
    for layer, (_, theirs) in zip(mine, compiled.named_children(), strict=True):
        layer.load_state_dict(theirs.state_dict())
