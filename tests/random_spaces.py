"""Small random spaces as text: gates, widths, shared and hoisted choices, zeros, adapters, muxes of sizes."""

from __future__ import annotations

import random
from pathlib import Path

import archdsl
from archdsl.program import Space

OPS = {
    "zero": "zero",
    "skip": "identity",
    "pool": "max_pool",
    "conv": "thick",
    "thin": "thin",
    "bare": "conv(k = 1)",
    "norm": "layer_norm",
    "attend": "attention(heads = 2, reduction = 2)",
    "slope": "prelu",
}
HEAD = """arch 1
op thick(x; c: int = x.c, k: int = 3) = x -> relu -> conv(c = c, k = k) -> bn
op thin(x; c: int = x.c) = x -> relu -> dwconv -> conv(c = c, k = 1, bias = true)
op fit(x, like; c: int) = (x -> conv(c = c, k = 1)) if x.h == like.h else (x -> relu -> conv(c = c, s = 2))
"""


def random_text(rng: random.Random) -> str:
    """A space of at most a few thousand networks."""
    ops = rng.sample(sorted(OPS), rng.randint(2, 3))
    members = ", ".join(f"{name}: {OPS[name]}" for name in ops)
    lines = [HEAD, f"OPS = {{{members}}}", "cell Two(a, b) {"]
    lines += ["  p = one of OPS", "  q = one of OPS", "  m = p(a) + q(b)"]
    if rng.random() < 0.4:
        lines.append("  r = one of OPS")
        lines.append("  return concat(m, r(m) + a)")
    else:
        lines.append("  return concat(m, a)" if rng.random() < 0.5 else "  return m")
    lines += ["}", "space R {", "  input image: [3, 16, 24]"]
    widths = rng.random() < 0.6
    lines.append("  w = one of {2, 4, 6}" if widths else "  w = 4")
    lines.append("  x[0] = image -> thick(c = w)")
    lines.append(
        "  x[1] = x[0] -> conv(c = w, s = 2)" if rng.random() < 0.5 else "  x[1] = x[0] -> thin(c = w)"
    )
    cells = rng.randint(1, 3)
    shared = rng.random() < 0.5
    if shared:
        lines.append("  Same = once Two")
    for i in range(2, 2 + cells):
        cell = "Same" if shared else "Two"
        lines.append(f"  x[{i}] = {cell}(x[{i - 1}] -> conv(c = w), fit(x[{i - 2}], x[{i - 1}], c = w))")
        if not shared and i > 2:
            break
    last = i
    lines.append(f"  gate = one of {{1..{last}}}")
    lines.append("  y = x[gate]")
    if rng.random() < 0.5:
        lines.append("  side = (x[0] -> thin(c = 4)) if gate == 1 else (x[gate - 1] -> thin(c = 4))")
        lines.append("  y = concat(y -> conv(c = w), side -> resize(like = y))")
    if rng.random() < 0.5:
        lines.append("  gain = one of {0.5, 1.0, 2.0}" if rng.random() < 0.5 else "  gain = 0.5")
        forms = (
            "gain * y",
            "y * (1 - (y -> global_pool -> sigmoid))",
            "y - (y -> p_op) / 4",
            "(y -> conv(c = 1)) - y",
        )
        lines.append("  y = " + rng.choice(forms).replace("p_op", OPS[rng.choice(ops)]))
    lines += later_statements(random.Random("\n".join(lines)), ops)
    lines.append("  output logits = y -> conv(c = 2 * w) -> upsample(like = image)")
    return "\n".join([*lines, "}", ""])


LATER = (
    "  y = y -> mul(y -> global_pool -> sigmoid)",
    "  y = y -> (relu -> conv(c = w, k = [1, 3]))",
    "  y = y -> conv(c = 2 ** 2 + w // 2 + w % 3, padding = one of {1, [1, 0]}) -> resize(like = x[0])",
    "  y = x[9] if defined(x[9]) else (y -> leaky_relu(slope = 0.1))",
    '  late = one of (OPS - {"GONE"})\n  y = y -> late',
    "  stage rows for r in [(k = 1, act = relu), (k = 3, act = silu)] {\n"
    "    y = y -> conv(c = w, k = r.k) -> r.act\n  }",
    "  extra = some of {a: y -> relu, b: y -> tanh}\n  y = concat({y, extra}) -> conv(c = w)",
    "  a, b = y -> split\n  y = concat(b -> group_norm(g = 1), a) -> avg_pool(k = 3, count_padding = true)",
)
"""Statements of newer constructs; the widths of y are even."""


def later_statements(rng: random.Random, ops: list[str]) -> list[str]:
    """Up to two of `LATER`, drawn apart from the rest, so that a seed keeps the rest."""
    chosen = rng.sample(LATER, rng.choice((0, 0, 1, 2)))
    found = []
    for text in chosen:
        found += ["  y = y -> conv(c = w)", text.replace("GONE", ops[0])]
    return found


def random_space(seed: int) -> Space:
    return archdsl.load(Path("random.arch"), text=random_text(random.Random(seed))).space()
