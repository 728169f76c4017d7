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
    lines.append("  output logits = y -> conv(c = 2 * w) -> upsample(like = image)")
    return "\n".join([*lines, "}", ""])


def random_space(seed: int) -> Space:
    return archdsl.load(Path("random.arch"), text=random_text(random.Random(seed))).space()
