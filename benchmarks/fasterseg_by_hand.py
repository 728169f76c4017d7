"""FasterSeg's supernet written by hand, in the manner of the released code (VITA-Group/FasterSeg, search/).

A module for each candidate, weights sliced by width, a batch normalization for each width, and each cell
evaluated on both of its inputs; `Supernet.heads` is the forward of one architecture.
Shapes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
from torch import nn

Score = torch.Tensor | float
Width = tuple[int, Score]
"""The number of a width, and the scalar that carries its gradient."""


class Slim(nn.Module):
    """A convolution at full width, and a batch normalization for each width of its output."""

    def __init__(self, c_in: int, c_out: int, k: int, s: int, shares: Sequence[float], norm: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(c_out, c_in, k, k))
        self.c_in, self.c_out, self.s, self.k, self.shares = c_in, c_out, s, k, shares
        self.norms = nn.ModuleList(nn.BatchNorm2d(round(c_out * share)) for share in shares if norm)

    def conv(self, x: torch.Tensor, width: int, s: int | None = None) -> torch.Tensor:
        c = round(self.c_out * self.shares[width])
        return F.conv2d(x, self.weight[:c, : x.shape[1]], None, self.s if s is None else s, self.k // 2)

    def forward(self, x: torch.Tensor, width: int) -> torch.Tensor:
        found: torch.Tensor = self.norms[width](self.conv(x, width))
        return found


class Skip(nn.Module):
    def __init__(self, c_in: int, c_out: int, s: int, shares: Sequence[float]):
        super().__init__()
        self.s = s
        if s == 1:
            self.one = Slim(c_in, c_out, 1, 1, shares)
            return
        self.even = Slim(c_in, c_out // 2, 1, 2, shares, norm=False)
        self.odd = Slim(c_in, c_out // 2, 1, 2, shares, norm=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(round(c_out * share)) for share in shares)

    def forward(self, x: torch.Tensor, width: int) -> torch.Tensor:
        if self.s == 1:
            return F.relu(self.one(x, width))
        both = torch.cat([self.even.conv(x, width), self.odd.conv(x[:, :, 1:, 1:], width)], 1)
        return F.relu(self.norms[width](both))


class Chain(nn.Module):
    """One or two convolutions, at half the resolution where they are zoomed."""

    def __init__(self, c_in: int, c_out: int, s: int, shares: Sequence[float], count: int, zoom: bool):
        super().__init__()
        self.s, self.zoom = s, zoom
        first = Slim(c_in, c_out, 3, 1 if zoom else s, shares)
        self.convs = nn.ModuleList([first, *(Slim(c_out, c_out, 3, 1, shares) for _ in range(count - 1))])

    def forward(self, x: torch.Tensor, width: int) -> torch.Tensor:
        size = x.shape[-2:]
        if self.zoom:
            x = F.interpolate(x, size=(size[0] // 2, size[1] // 2), mode="bilinear", align_corners=True)
        for conv in self.convs[:-1]:
            x = F.relu(conv(x, width))
        x = self.convs[-1](x, width)
        if self.zoom and self.s == 1:
            x = F.interpolate(x, size=size, mode="bilinear", align_corners=True)
        return F.relu(x)


class Mixed(nn.Module):
    def __init__(self, c_in: int, c_out: int, s: int, shares: Sequence[float]):
        super().__init__()
        self.ops = nn.ModuleList(
            [
                Skip(c_in, c_out, s, shares),
                Chain(c_in, c_out, s, shares, 1, zoom=False),
                Chain(c_in, c_out, s, shares, 1, zoom=True),
                Chain(c_in, c_out, s, shares, 2, zoom=False),
                Chain(c_in, c_out, s, shares, 2, zoom=True),
            ]
        )

    def forward(self, x: torch.Tensor, alphas: torch.Tensor, into: Width, out: Width) -> torch.Tensor:
        found = [op(x, out[0]) * alpha * into[1] * out[1] for op, alpha in zip(self.ops, alphas, strict=True)]
        return sum(found[1:], found[0])


def block(c_in: int, c_out: int, k: int = 3, s: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, k, s, k // 2, bias=False), nn.BatchNorm2d(c_out), nn.ReLU())


class Own(nn.Module):
    """What each architecture has for itself: stem, fusions and heads."""

    def __init__(self, last: int, classes: int):
        super().__init__()
        c = 8 * last
        self.stem = nn.Sequential(
            block(3, 4 * last, s=2), block(4 * last, c, s=2), block(c, c), block(c, c, s=2), block(c, c)
        )
        self.from32 = nn.ModuleList(
            [block(4 * c, 2 * c, 1), block(4 * c, 2 * c), block(2 * c, c, 1), block(2 * c, c)]
        )
        self.from16 = nn.ModuleList([block(2 * c, c, 1), block(2 * c, c)])
        self.heads = nn.ModuleList(
            nn.Sequential(block(n, n), nn.Conv2d(n, classes, 1)) for n in (c, c, c, 2 * c, 2 * c)
        )

    def forward(self, o8: torch.Tensor, o16: torch.Tensor, o32: torch.Tensor) -> list[torch.Tensor]:
        f16 = self._fused(self.from16[0], self.from16[1], o16, o8)
        t = self._fused(self.from32[0], self.from32[1], o32, o16)
        f32 = self._fused(self.from32[2], self.from32[3], t, o8)
        inputs = [o8, f16, f32, torch.cat([o8, f32], 1), torch.cat([f16, f32], 1)]
        return [head(x) for head, x in zip(self.heads, inputs, strict=True)]

    @staticmethod
    def _fused(narrow: nn.Module, join: nn.Module, coarse: torch.Tensor, fine: torch.Tensor) -> torch.Tensor:
        up = F.interpolate(narrow(coarse), scale_factor=2, mode="bilinear", align_corners=True)
        found: torch.Tensor = join(torch.cat([up, fine], 1))
        return found


class Supernet(nn.Module):
    """Cells shared by two architectures; `unit` is the channels per unit of stride, `shares` the widths."""

    def __init__(
        self, layers: int, unit: int, shares: Sequence[float], lasts: Sequence[int], classes: int = 19
    ):
        super().__init__()
        self.layers, self.shares = layers, shares
        self.last = [shares.index(last / unit) for last in lasts]
        self.own = nn.ModuleList(Own(last, classes) for last in lasts)
        self.keep, self.down = nn.ModuleDict(), nn.ModuleDict()
        for i in range(layers):
            for j in range(min(i, 2) + 1):
                c = 8 * 2**j * unit
                self.keep[f"{i}_{j}"] = Mixed(c, c, 1, shares)
                if j < 2 and i < layers - 1:
                    self.down[f"{i}_{j}"] = Mixed(c, 2 * c, 2, shares)

    def heads(
        self, x: torch.Tensor, number: int, alphas: Sequence[torch.Tensor], betas: Sequence[torch.Tensor],
        widths: Sequence[Sequence[Width]],
    ) -> list[torch.Tensor]:  # fmt: skip
        """The logits of the five heads of an architecture.

        `alphas` are probabilities of ops by row of resolutions and layer, `betas` of reads by row after the
        first, `widths` those of the maps by row and layer.
        """
        constant: Width = (self.last[number], 1.0)
        keep: list[torch.Tensor] = [self.own[number].stem(x)]
        down: list[torch.Tensor] = []
        for i in range(self.layers):
            kept, halved = [], []
            for j in range(min(i, 2) + 1):
                end = i == self.layers - 1
                into = constant if i == 0 else widths[j][i - 1 if j < 2 else i - 2]
                out = constant if end else widths[j][i if j < 2 else i - 1]
                inputs = [keep[0]] if j == 0 else [down[j - 1]] if i == j else [down[j - 1], keep[j]]
                blend = betas[j - 1][i - j - 1] if len(inputs) == 2 else (1.0,)
                alpha = alphas[j][i - j]
                ops = self.keep[f"{i}_{j}"]
                kept.append(_blended([ops(one, alpha, into, out) for one in inputs], blend))
                if j < 2 and not end:
                    ops, out = self.down[f"{i}_{j}"], widths[j + 1][i if j == 0 else i - 1]
                    halved.append(_blended([ops(one, alpha, into, out) for one in inputs], blend))
            keep, down = kept, halved
        found: list[torch.Tensor] = self.own[number](*keep)
        return found


def _blended(found: Sequence[torch.Tensor], by: Sequence[Score]) -> torch.Tensor:
    if len(found) == 1:
        return found[0]
    return found[0] * by[0] + found[1] * by[1]
