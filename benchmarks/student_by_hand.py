"""FasterSeg's released student as one would write it in PyTorch by hand, without the language."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


def resized(x: torch.Tensor, size: tuple[int, int] | torch.Size) -> torch.Tensor:
    return F.interpolate(x, size, mode="bilinear", align_corners=True)


class ConvBnRelu(nn.Sequential):
    def __init__(self, c_in: int, c_out: int, k: int = 3, s: int = 1):
        super().__init__(
            nn.Conv2d(c_in, c_out, k, stride=s, padding=k // 2, bias=False),
            nn.BatchNorm2d(c_out),
            nn.ReLU(inplace=True),
        )


class DoubleConv(nn.Sequential):
    def __init__(self, c_in: int, c_out: int, s: int = 1):
        super().__init__(ConvBnRelu(c_in, c_out, s=s), ConvBnRelu(c_out, c_out))


class Zoomed(nn.Module):
    """Convolutions at half the resolution, which stride 1 restores and stride 2 keeps."""

    def __init__(self, c_in: int, c_out: int, n: int = 2, s: int = 1):
        super().__init__()
        self.first = ConvBnRelu(c_in, c_out) if n == 2 else nn.Identity()
        self.conv = nn.Conv2d(c_out if n == 2 else c_in, c_out, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(c_out)
        self.s = s

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[-2:]
        y = self.bn(self.conv(self.first(resized(x, (height // 2, width // 2)))))
        if self.s == 1:
            y = resized(y, (height, width))
        return F.relu(y, inplace=True)


class Fuse(nn.Module):
    """A coarse map brought to a finer one, and both joined."""

    def __init__(self, c_fine: int, c_coarse: int, c: int):
        super().__init__()
        self.arm = ConvBnRelu(c_coarse, c, k=1)
        self.refine = ConvBnRelu(c + c_fine, c)

    def forward(self, fine: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        return self.refine(torch.cat([resized(self.arm(coarse), fine.shape[-2:]), fine], 1))


class StudentByHand(nn.Module):
    def __init__(self, classes: int = 19):
        super().__init__()
        self.stem = nn.Sequential(ConvBnRelu(3, 32, s=2), DoubleConv(32, 64, s=2), DoubleConv(64, 64, s=2))
        self.shared = nn.Sequential(DoubleConv(64, 32), DoubleConv(32, 32), Zoomed(32, 32))
        self.to16 = nn.Sequential(Zoomed(32, 128, n=1, s=2), Zoomed(128, 64), Zoomed(64, 64), Zoomed(64, 64))
        self.to32 = nn.Sequential(Zoomed(64, 128, s=2), Zoomed(128, 128), Zoomed(128, 256))
        self.other8 = nn.Sequential(Zoomed(32, 32), DoubleConv(32, 32))
        self.other16 = nn.Sequential(
            DoubleConv(32, 64, s=2), Zoomed(64, 64), Zoomed(64, 192), Zoomed(192, 128)
        )
        self.fuse32_16 = Fuse(64, 256, 128)
        self.fuse16_8 = Fuse(32, 128, 64)
        self.fuse_other = Fuse(32, 128, 64)
        self.mix = ConvBnRelu(128, 128, k=1)
        self.head = nn.Sequential(ConvBnRelu(128, 128), nn.Conv2d(128, classes, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        f8 = self.shared(self.stem(image))
        f16 = self.to16(f8)
        f32 = self.to32(f16)
        g8 = self.other8(f8)
        g16 = self.other16(g8)
        a = self.fuse16_8(f8, self.fuse32_16(f16, f32))
        b = self.fuse_other(g8, g16)
        return resized(self.head(self.mix(torch.cat([a, b], 1))), image.shape[-2:])
