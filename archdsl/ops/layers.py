"""Modules that `torch.nn` lacks.

The source of a class in this file is copied into emitted Python. The file is imported only where modules are
constructed.
"""

from collections.abc import Sequence
from itertools import product
from math import gcd
from typing import Union, cast

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
from torch import nn

Sizes = Union[int, tuple[int, int]]
"""A size along both axes, or a pair (rows, columns)."""


class ChannelConv(nn.Module):
    """A 1-D convolution along the channels at each position, with one kernel and without bias."""

    def __init__(self, kernel_size: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, 1, kernel_size, 1))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        x_b1cn = x_bchw.flatten(2).unsqueeze(1)
        return F.conv2d(x_b1cn, self.weight, padding=(self.weight.shape[2] // 2, 0)).view_as(x_bchw)


class ChannelScale(nn.Module):
    """Multiplies every channel by a learned factor, initially 1."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return x_bchw * self.weight[:, None, None]

    def extra_repr(self) -> str:
        return f"{self.weight.numel()}"


class ChannelLayerNorm(nn.Module):
    """Layer normalization over the channels at each position."""

    def __init__(self, channels: int, eps: float = 1e-5, affine: bool = True):
        super().__init__()
        self.channels, self.eps = channels, eps
        self.weight = nn.Parameter(torch.empty(channels)) if affine else None
        self.bias = nn.Parameter(torch.empty(channels)) if affine else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.weight is not None and self.bias is not None:
            nn.init.ones_(self.weight)
            nn.init.zeros_(self.bias)

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        x_bhwc = x_bchw.permute(0, 2, 3, 1)
        y_bhwc = F.layer_norm(x_bhwc, (self.channels,), self.weight, self.bias, self.eps)
        return y_bhwc.permute(0, 3, 1, 2)

    def extra_repr(self) -> str:
        return f"{self.channels}, eps={self.eps}, affine={self.weight is not None}"


class DropPath(nn.Module):
    """In training, zeroes the entire tensor of random images with probability p.

    The tensors of the other images are divided by 1 - p.
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x_bchw
        return x_bchw * F.dropout(x_bchw.new_ones((x_bchw.shape[0], 1, 1, 1)), self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class SelfAttention(nn.Module):
    """Multi-head self-attention over the positions of a feature map (see `archdsl.ops.attention.Attention`).

    Keys and values are computed from the map after a convolution with kernel and stride `reduction`, and
    layer normalization.
    """

    query_bias: nn.Parameter | None
    key_bias: nn.Parameter | None
    value_bias: nn.Parameter | None
    output_bias: nn.Parameter | None

    def __init__(self, channels: int, heads: int, reduction: int = 1, bias: bool = True):
        super().__init__()
        self.heads, self.reduction = heads, reduction
        self.query_weight = nn.Parameter(torch.empty(channels, channels))
        self.key_weight = nn.Parameter(torch.empty(channels, channels))
        self.value_weight = nn.Parameter(torch.empty(channels, channels))
        self.output_weight = nn.Parameter(torch.empty(channels, channels))
        for name in ("query_bias", "key_bias", "value_bias", "output_bias"):
            self.register_parameter(name, nn.Parameter(torch.empty(channels)) if bias else None)
        if reduction > 1:
            self.reduction_weight = nn.Parameter(torch.empty(channels, channels, reduction, reduction))
            self.reduction_bias = nn.Parameter(torch.empty(channels))
            self.norm_weight = nn.Parameter(torch.empty(channels))
            self.norm_bias = nn.Parameter(torch.empty(channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for name, value in self.named_parameters():
            if value.dim() > 1:
                nn.init.kaiming_uniform_(value, a=5**0.5)  # as torch's linear layers and convolutions
            else:
                nn.init.constant_(value, float(name == "norm_weight"))

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        b, c, h, w = x_bchw.shape
        x_bnc = z_bmc = x_bchw.flatten(2).mT
        if self.reduction > 1:
            z_bchw = F.conv2d(x_bchw, self.reduction_weight, self.reduction_bias, self.reduction)
            z_bmc = F.layer_norm(z_bchw.flatten(2).mT, (c,), self.norm_weight, self.norm_bias)
        q_bnc = F.linear(x_bnc, self.query_weight, self.query_bias)
        k_bmc = F.linear(z_bmc, self.key_weight, self.key_bias)
        v_bmc = F.linear(z_bmc, self.value_weight, self.value_bias)
        q_bhnd, k_bhmd, v_bhmd = (
            t.reshape(b, -1, self.heads, c // self.heads).transpose(1, 2) for t in (q_bnc, k_bmc, v_bmc)
        )
        y_bhnd = F.scaled_dot_product_attention(q_bhnd, k_bhmd, v_bhmd)
        y_bnc = y_bhnd.transpose(1, 2).reshape(b, h * w, c)
        return F.linear(y_bnc, self.output_weight, self.output_bias).mT.reshape(b, c, h, w)

    def extra_repr(self) -> str:
        return f"{self.query_weight.shape[0]}, heads={self.heads}, reduction={self.reduction}"


def weighted_batch_norm(norm: nn.BatchNorm2d, x_bchw: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """`norm(x) * weight` for a scalar weight, by scaling the layer's scale and shift instead of the tensor.

    Also works for subclasses that normalize over several processes.
    """
    if type(norm) is not nn.BatchNorm2d:
        borrow = getattr(norm, "borrow", None)  # a part of a stored layer
        if borrow is not None:
            return cast(torch.Tensor, borrow(weighted_batch_norm, x_bchw, weight))
        y_bchw: torch.Tensor = norm(x_bchw)
        return y_bchw * weight
    if norm.training and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    if norm.affine:
        scale, shift = norm.weight * weight, norm.bias * weight
    else:
        scale, shift = weight.expand(norm.num_features), None
    mean, var = norm.running_mean, norm.running_var
    return F.batch_norm(x_bchw, mean, var, scale, shift, norm.training, norm.momentum or 0.0, norm.eps)


LEAST_ROWS = 3
"""The minimum number of rows and of columns of interleaved maps for which splitting a map into these is
faster (measured: docs/supernet.md).
"""

FEW_TAPS = 3
"""The maximum number of kernel weights for which separate products are faster than a convolution (measured:
docs/supernet.md).
"""


def convolved(x_bchw: torch.Tensor, convs: Sequence[nn.Conv2d]) -> Sequence[torch.Tensor]:
    """The outputs of dense convolutions with equal settings and the same input, computed by one convolution.

    The weights are concatenated along the output channels. The pixels that a strided 1 × 1 convolution reads
    are gathered once for all.
    """
    first = convs[0]
    stride = first.stride
    if first.kernel_size == (1, 1) and stride != (1, 1) and x_bchw.device.type == "cpu":
        x_bchw, stride = x_bchw[:, :, :: stride[0], :: stride[1]].clone(), (1, 1)
    weight = _joined([conv.weight for conv in convs])
    bias = None if first.bias is None else _joined([conv.bias for conv in convs])  # type: ignore[misc]
    y = F.conv2d(x_bchw, weight, bias, stride, first.padding, first.dilation)
    return [part.contiguous() for part in torch.split(y, first.out_channels, 1)]


def _joined(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(tuple(tensors))


def dilated(x_bchw: torch.Tensor, convs: Sequence[nn.Conv2d]) -> Sequence[torch.Tensor]:
    """The outputs of dilated depthwise convolutions with equal settings, odd kernel and the same input.

    If dilation d and stride have a common divisor, only the pixels that are read are gathered first. On maps
    hardly larger than d, most weights are applied to padding only; the others are applied one by one. On
    other maps, an output pixel depends on pixels that are multiples of d apart: the d × d interleaved maps of
    such pixels are the batch of an ordinary convolution, for which CPUs have fast kernels, unless the maps
    are too small.
    """
    first = convs[0]
    (d, _), (s, _), (k, _) = first.dilation, first.stride, first.kernel_size
    if x_bchw.device.type != "cpu":
        return [conv(x_bchw) for conv in convs]
    if (step := gcd(d, s)) > 1:
        x_bchw, d, s = x_bchw[:, :, ::step, ::step].clone(), d // step, s // step
    height, width = x_bchw.shape[2:]
    reach = min(k // 2, (height - 1) // d), min(k // 2, (width - 1) // d)
    if s == 1 and (2 * reach[0] + 1) * (2 * reach[1] + 1) <= FEW_TAPS:
        return [_tap_by_tap(x_bchw, conv, d, reach) for conv in convs]
    parted = d > 1 and s == 1 and min(height, width) >= LEAST_ROWS * d
    x = _phases(x_bchw, d) if parted else x_bchw
    inner = 1 if parted else d
    padding = inner * (k - 1) // 2
    ys = [F.conv2d(x, conv.weight, conv.bias, s, padding, inner, conv.groups) for conv in convs]
    return [_interleaved(y, d, x_bchw.shape) for y in ys] if parted else ys


def _tap_by_tap(x_bchw: torch.Tensor, conv: nn.Conv2d, d: int, reach: tuple[int, int]) -> torch.Tensor:
    """A depthwise convolution of dilation d in which only weights up to `reach` from the centre contribute.

    Each weight is applied to the outputs for which its position is inside of the input.
    """
    height, width = x_bchw.shape[2:]
    middle = conv.kernel_size[0] // 2
    weight = conv.weight.to(x_bchw.dtype)[:, 0]

    def tap(row: int, column: int) -> torch.Tensor:
        i, j = middle + row, middle + column
        return weight[:, i : i + 1, j : j + 1]

    y_bchw = x_bchw * tap(0, 0)
    if conv.bias is not None:
        y_bchw += conv.bias.to(x_bchw.dtype)[:, None, None]
    for row, column in product(*(range(-r, r + 1) for r in reach)):
        if (row, column) != (0, 0):
            seen, at = zip(_overlap(height, row * d), _overlap(width, column * d), strict=True)
            y_bchw[:, :, *at].addcmul_(x_bchw[:, :, *seen], tap(row, column))
    return y_bchw


def _overlap(size: int, shift: int) -> tuple[slice, slice]:
    """The slice of the input pixels that are at offset `shift` from an output pixel, and the slice of these
    outputs.
    """
    return slice(max(0, shift), size + min(0, shift)), slice(max(0, -shift), size - max(0, shift))


def _phases(x_bchw: torch.Tensor, d: int) -> torch.Tensor:
    """The d × d interleaved maps of every d-th pixel as a batch, padded by zeros if d does not divide the
    size.
    """
    b, c, h, w = x_bchw.shape
    if h % d or w % d:
        x_bchw = F.pad(x_bchw, (0, -w % d, 0, -h % d))
        h, w = x_bchw.shape[2:]
    x = x_bchw.reshape(b, c, h // d, d, w // d, d).permute(0, 3, 5, 1, 2, 4)
    return x.reshape(b * d * d, c, h // d, w // d)


def _interleaved(y: torch.Tensor, d: int, shape: torch.Size) -> torch.Tensor:
    """The inverse of `_phases`, for a map of shape `shape`."""
    b, _, height, width = shape
    _, c, h, w = y.shape
    y_bchw = y.reshape(b, d, d, c, h, w).permute(0, 3, 4, 1, 5, 2).reshape(b, c, h * d, w * d)
    return y_bchw if (h * d, w * d) == (height, width) else y_bchw[:, :, :height, :width].contiguous()


def max_pool(
    x_bchw: torch.Tensor, kernel: Sizes, stride: Sizes, padding: Sizes, ceil_mode: bool = False
) -> torch.Tensor:
    """Computes `F.max_pool2d`; on a CPU in channels-last format, for which alone the CPU kernel is
    vectorized.
    """
    if x_bchw.device.type != "cpu" or not x_bchw.is_contiguous():
        return F.max_pool2d(x_bchw, kernel, stride, padding, ceil_mode=ceil_mode)
    last = x_bchw.contiguous(memory_format=torch.channels_last)
    return F.max_pool2d(last, kernel, stride, padding, ceil_mode=ceil_mode).contiguous()
