"""Models as people write them, to be lifted by the tests."""

import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)
from torch import nn


class BasicBlock(nn.Module):
    def __init__(self, before: int, c: int, stride: int = 1):
        super().__init__()
        self.conv1 = nn.Conv2d(before, c, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c)
        self.conv2 = nn.Conv2d(c, c, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c)
        self.relu = nn.ReLU(inplace=True)
        self.down = None
        if stride != 1 or before != c:
            self.down = nn.Sequential(nn.Conv2d(before, c, 1, stride, bias=False), nn.BatchNorm2d(c))

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.down is None else self.down(x)))


class ResNet(nn.Module):
    def __init__(self, blocks=(4, 2), width: int = 8, classes: int = 5):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, 2, 3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(True),
            nn.MaxPool2d(3, 2, 1),
        )
        widths = [width * 2**n for n in range(len(blocks))]
        self.stages = nn.ModuleList()
        before = width
        for c, count in zip(widths, blocks, strict=True):
            first = BasicBlock(before, c, 1 if c == width else 2)
            self.stages.append(nn.Sequential(first, *(BasicBlock(c, c) for _ in range(count - 1))))
            before = c
        self.fc = nn.Linear(before, classes)

    def forward(self, x):
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


class DoubleConv(nn.Sequential):
    def __init__(self, before: int, c: int):
        super().__init__(
            nn.Conv2d(before, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU(),
            nn.Conv2d(c, c, 3, padding=1), nn.BatchNorm2d(c), nn.ReLU(),
        )  # fmt: skip


class UNet(nn.Module):
    def __init__(self, classes: int = 5, width: int = 4):
        super().__init__()
        widths = [width, 2 * width, 4 * width]
        self.down = nn.ModuleList(DoubleConv(a, b) for a, b in zip([3, *widths], widths, strict=False))
        self.up = nn.ModuleList(
            DoubleConv(a + b, b) for a, b in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, image):
        skips, x = [], image
        for n, down in enumerate(self.down):
            x = down(x if n == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        for up, skip in zip(self.up, skips[-2::-1], strict=True):
            x = F.interpolate(x, size=skip.shape[2:], mode="bilinear", align_corners=True)
            x = up(torch.cat([x, skip], 1))
        return self.head(x)


class Bottleneck(nn.Module):
    """As of ENet: 1 × 1 down, a dilated convolution, 1 × 1 up, with PReLU."""

    def __init__(self, c: int, dilation: int):
        super().__init__()
        inner = c // 4
        self.body = nn.Sequential(
            nn.Conv2d(c, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.PReLU(inner),
            nn.Conv2d(inner, inner, 3, 1, dilation, dilation), nn.BatchNorm2d(inner), nn.PReLU(inner),
            nn.Conv2d(inner, c, 1, bias=False), nn.BatchNorm2d(c), nn.Dropout(0.1),
        )  # fmt: skip
        self.act = nn.PReLU(c)

    def forward(self, x):
        return self.act(x + self.body(x))


class ENet(nn.Module):
    def __init__(self, classes: int = 5, width: int = 16):
        super().__init__()
        self.initial = nn.Conv2d(3, width - 3, 3, 2, 1)
        self.norm = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(*(Bottleneck(width, d) for d in (1, 2, 4, 8)))
        self.last = nn.Conv2d(width, classes, 1)

    def forward(self, image):
        x = torch.cat([self.initial(image), F.max_pool2d(image, 2)], 1)
        x = self.blocks(torch.relu_(self.norm(x)))
        return F.interpolate(self.last(x), scale_factor=2, mode="bilinear", align_corners=False)


class Shuffled(nn.Module):
    """Rearranged tensors: a channel shuffle by views, tokens; grouped convolutions, a learned scale."""

    def __init__(self):
        super().__init__()
        self.reduce = nn.Conv2d(3, 12, 3, 2, 1)
        self.wide = nn.Conv2d(12, 12, 5, padding=2, groups=3)
        self.each = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.mix = nn.Linear(12, 16)
        self.scale = nn.Parameter(torch.rand(16))

    def forward(self, x):
        y = F.hardswish(self.wide(self.reduce(x)))
        n, c, h, w = y.shape
        y = y.view(n, 3, c // 3, h, w).transpose(1, 2).reshape(n, c, h, w)
        tokens = self.mix(self.each(y).flatten(2).transpose(1, 2)) * self.scale
        y = tokens.permute(0, 2, 1).reshape(n, 16, h, w)
        gate = torch.sigmoid(y.mean((2, 3), keepdim=True))
        return {"logits": F.pixel_shuffle(y * gate, 2), "features": y}


class Padded(nn.Module):
    """Paddings: reflected, as TensorFlow's, by a word, of asymmetric and transposed kernels."""

    def __init__(self):
        super().__init__()
        self.reflected = nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")
        self.strided = nn.Conv2d(4, 4, 3, 2)
        self.word = nn.Conv2d(4, 4, (1, 5), padding="same")
        self.tall = nn.Conv2d(4, 4, (3, 1), (2, 1), (1, 0))
        self.up = nn.ConvTranspose2d(4, 4, (4, 3), (2, 1), (1, 1))
        self.patch = nn.Conv2d(4, 6, 4, 4)

    def forward(self, x):
        y = self.strided(F.pad(self.reflected(x), (0, 1, 0, 1)))
        y = self.up(self.tall(F.pad(self.word(y), (0, 0, 0, 0))))
        return self.patch(F.avg_pool2d(y, 3, 1, 1, count_include_pad=True))


class Siamese(nn.Module):
    """One encoder for two images: its weights are shared."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1)
        )
        self.head = nn.Conv2d(16, 1, 3, 1, 1)

    def forward(self, left, right):
        return self.head(torch.cat([self.encoder(left), self.encoder(right)], 1))


class Mixer(nn.Module):
    def forward(self, x):
        return torch.fft.irfft2(torch.fft.rfft2(x) * 0.5, s=x.shape[2:])


class Spectral(nn.Module):
    """Two parts that no primitive computes: a Fourier transform in a module, and a running sum."""

    def __init__(self):
        super().__init__()
        self.before = nn.Conv2d(3, 8, 3, padding=1)
        self.mixer = Mixer()
        self.after = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        y = self.after(self.mixer(self.before(x).relu()))
        return self.after(torch.cumsum(y, 3))


class Classes(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, 5, 1)

    def forward(self, x):
        return self.head(x).argmax(1)


class Branching(nn.Module):
    def forward(self, x):
        return x.relu() if x.mean() > 0 else x.sigmoid()


class Twisted(nn.Module):
    """Changes a tensor in place after other names of it were made."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, x):
        y = self.conv(x)
        seen = y.flatten(2)
        y.relu_()
        return (seen.unflatten(2, x.shape[2:]) + y) * y


class Attending(nn.Module):
    """Attention as torch, timm and hand-written code compute it, on the positions of a map."""

    def __init__(self, how="module", c=16, heads=4, bias=True):
        super().__init__()
        self.how, self.heads = how, heads
        self.stem = nn.Conv2d(3, c, 4, 4)
        self.norm = nn.LayerNorm(c)
        if how == "module":
            self.attention = nn.MultiheadAttention(c, heads, bias=bias, batch_first=True)
        elif how == "separate":
            self.query, self.key, self.value = (nn.Linear(c, c, bias=bias) for _ in range(3))
        else:
            self.qkv = nn.Linear(c, 3 * c, bias=bias)
        if how != "module":
            self.out = nn.Linear(c, c, bias=bias)

    def attend(self, x):
        if self.how == "module":
            return self.attention(x, x, x, need_weights=False)[0]
        b, n, c = x.shape
        if self.how == "separate":
            layers = self.query, self.key, self.value
            parts = [layer(x).view(b, n, self.heads, -1).transpose(1, 2) for layer in layers]
        elif self.how == "chunked":
            parts = [part.view(b, n, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1)]
        else:
            parts = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        q, k, v = parts
        if self.how == "scaled":
            y = (q * (c // self.heads) ** -0.5 @ k.transpose(-2, -1)).softmax(dim=-1) @ v
        else:
            y = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(b, n, c))

    def forward(self, image):
        x = self.stem(image)
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + self.attend(self.norm(tokens))
        return tokens.transpose(1, 2).reshape(x.shape)


class Widened(nn.Module):
    """A shortcut whose channels are padded with zeros, and concatenated tokens."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, 1, 1), nn.Conv2d(3, 16, 3, 1, 1)
        self.mix = nn.Linear(24, 5)

    def forward(self, image):
        a = self.a(image)
        y = nn.functional.pad(a, (0, 0, 0, 0, 3, 5)) + self.b(image)
        tokens = torch.cat([a.flatten(2).transpose(1, 2), y.flatten(2).transpose(1, 2)], dim=-1)
        return self.mix(tokens).transpose(1, 2).reshape(image.shape[0], 5, *image.shape[2:])


class Gated(nn.Module):
    """Gates by neighbouring channels, and by the means of rows and of columns."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 12, 3, 2, 1)
        self.conv = nn.Conv1d(1, 1, 5, padding=2, bias=False)

    def forward(self, image):
        x = self.stem(image)
        y = nn.functional.adaptive_avg_pool2d(x, 1)
        y = self.conv(y.squeeze(-1).transpose(-1, -2)).transpose(-1, -2).unsqueeze(-1)
        x = x * y.sigmoid()
        return x * x.mean(3, keepdim=True).sigmoid() * x.mean(2, keepdim=True)


class Ported(nn.Module):
    """Convolutions with the padding of TensorFlow, as in networks that were ported from it."""

    def __init__(self):
        super().__init__()
        self.pad = nn.ZeroPad2d((0, 1, 0, 1))
        self.stem = nn.Conv2d(3, 8, 3, 2, padding="valid")
        self.deep = nn.Conv2d(8, 8, 3, 2, groups=8)
        self.same = nn.Conv2d(8, 8, 5, padding="same")

    def forward(self, image):
        return self.same(self.deep(self.pad(self.stem(self.pad(image)).relu())))


class Noisy(nn.Module):
    """Other outputs each time."""

    def forward(self, image):
        return image + torch.rand_like(image)


class Broken(nn.Module):
    """A weight that is no number."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.conv.weight.data[0] = float("nan")

    def forward(self, image):
        return self.conv(image)


class Changed(nn.Module):
    """A part of a tensor, changed in place."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, image):
        y = self.conv(image)
        y[:, :2] = 0
        return y.relu()


class Spare(nn.Module):
    """A layer that no output depends on."""

    def __init__(self):
        super().__init__()
        self.conv, self.spare = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 9, 3)

    def forward(self, image):
        return self.conv(image)
