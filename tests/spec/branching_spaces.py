"""Small random U-Nets, pyramids and chains as text: searched depths, conditions on decisions, odd sizes.

What a node reads stands on conditions here, not only on choices, and whether it lives depends on decisions
further down; many of the networks are ill-typed, in places that only some decisions lead to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Pick = Callable[[Sequence[Any]], Any]
"""One of several, by whatever draws them."""

HEAD = """arch 1

op a(x; c: int) = x -> conv(c = c) -> bn -> relu -> conv(c = c) -> bn -> relu
op b(x; c: int) = x -> conv(c = c, k = 1) -> relu
op e(x; c: int) = (x -> conv(c = c)) + (x -> conv(c = c, k = 1))
op half(x; c: int) = x -> conv(c = c, s = 2)

"""


def space(pick: Pick) -> str:
    family = pick([unet, unet, unet, pyramid, chain, grid])
    return HEAD + "space S {\n" + "\n".join(f"  {line}" for line in family(pick)) + "\n}\n"


def _image(pick: Pick) -> str:
    rows, columns = pick([60, 64, 48, 36, 50, 40]), pick([128, 64, 96])
    return f"input image: [3, {rows}, {columns}]"


def _block(pick: Pick) -> str:
    return str(pick(["a", "one of {a, b}", "one of {a, b, e}", "b", "kind"]))


def _width(pick: Pick) -> str:
    return str(pick(["8", "8", "8", "one of {8, 16}", "width"]))


def _shared(pick: Pick, text: str) -> list[str]:
    """Decisions that are made once, where the text names them."""
    lines = []
    if "kind" in text:
        lines.append("kind = one of {a, b}")
    if "width" in text:
        lines.append("width = one of {8, 16}")
    if "skips" in text:
        lines.append("skips = one of {0, 1}")
    if "way" in text:
        lines.append("way = one of {near, far}")
    return [line.replace("near, far", "1, 2") for line in lines]


def unet(pick: Pick) -> list[str]:
    levels = pick([2, 3, 3, 4])
    down = pick(["max_pool(k = 2, s = 2)", "max_pool(k = 2, s = 2)", "half(c = 8)", "max_pool(k = 3, s = 2)"])
    body = [
        f"depth = one of {{1..{levels}}}",
        f"stage levels for i in 0..{levels} {{",
        f"  down = {_block(pick)}",
        f"  cd = {_width(pick)}",
        f"  d[i] = (image if i == 0 else (d[i - 1] -> {down})) -> down(c = cd)",
        "}",
        f"u[{levels}] = d[{levels}]",
        f"stage up for j in 1..{levels} {{",
        f"  i = {levels} - j",
        "  below = " + pick([
            "d[i + 1] if depth == i + 1 else u[i + 1]",
            "d[i + 1] if depth == i + 1 else u[i + 1]",
            "u[i + 1] if depth > i + 1 else d[i + 1]",
            "d[i + 1] if depth <= i + 1 else u[i + 1]",
            "(d[i + 1] if skips == 1 else u[i + 1]) if depth == i + 1 else u[i + 1]",
            "d[i + 1] if depth == i + 1 and skips == 1"
            " else ((d[i + 1] -> relu) if depth == i + 1 else u[i + 1])",
            "d[i + 1] if depth == i + 1 or (skips == 1 and way == 2) else u[i + 1]",
            "(d[depth] -> resize(like = d[i + 1])) if depth >= i + 1 else u[i + 1]",
        ]),
        f"  block = {_block(pick)}",
        f"  cu = {_width(pick)}",
    ]  # fmt: skip
    up = pick(["upsample(scale = 2)", "upsample(scale = 2)", "upsample(scale = 2)", "resize(like = d[i])"])
    joined = pick([
        "concat(below -> {up}, d[i])",
        "concat(below -> {up}, d[i])",
        "(below -> {up}) + (d[i] -> b(c = below.c))",
        "(below -> {up}) + d[i]",
        "concat(below -> {up}, d[i]) if skips == 1 else (below -> {up})",
        "concat(any 2 of {{p: below -> {up}, q: d[i], r: d[i] -> relu}})",
        "concat(below -> {up}, d[i]) if depth > i + way else (below -> {up})",
    ]).format(up=up)  # fmt: skip
    if "any 2 of" in joined:
        body += [
            f"  members = any 2 of {{p: below -> {up}, q: d[i], r: d[i] -> relu}}",
            f"  u[i] = {pick(['concat', 'add'])}(members) -> block(c = cu)",
        ]
    else:
        body += [f"  joined = {joined}", "  u[i] = joined -> block(c = cu)"]
    body.append("}")
    end = pick(["u[0]", "u[0]", "u[0] -> conv(c = 2)", "u[0] if depth > 1 else d[0]", "u[depth - 1]"])
    body.append(f"output logits = {end}")
    return [_image(pick), *_shared(pick, "\n".join(body)), *body]


def pyramid(pick: Pick) -> list[str]:
    """Maps of several sizes, fused with what decisions and conditions say."""
    levels = pick([3, 3, 4])
    block, width = _block(pick), _width(pick)
    fused = pick([
        "(p[i + 1] -> upsample(scale = 2)) + lat",
        "(p[i + 1] -> resize(like = lat)) + lat",
        "concat(p[i + 1] -> upsample(scale = 2), lat)",
        "(p[i + 1] -> upsample(scale = 2)) + lat if skips == 1 else lat",
    ])  # fmt: skip
    body = [
        "x[0] = image -> conv(c = 8)",
        f"stage levels for i in 1..{levels} {{",
        f"  block = {block}",
        f"  cd = {width}",
        "  x[i] = x[i - 1] -> half(c = 8) -> block(c = cd)",
        "}",
        f"top = one of {{1..{levels}}}",
        f"p[{levels}] = x[{levels}] -> b(c = 8)",
        f"stage fuse for j in 1..{levels - 1} {{",
        f"  i = {levels} - j",
        "  lat = x[i] -> b(c = 8)",
        f"  fused = {fused}",
        "  p[i] = lat if top == i else (fused -> b(c = 8))"
        if pick([True, False])
        else "  picked = one of {f: fused -> b(c = 8), l: lat}\n    p[i] = lat if top <= i else picked",
        "}",
        "output logits = " + pick([
            "p[1]",
            "p[way]",
            f"concat(p[1], p[{levels}] -> resize(like = p[1]))",
            "add(any 2)",
            f"p[min(top, {levels - 1})]",
            f"concat(unused(p[1..{levels}]))",
            "p[1] -> conv(c = 4, g = top)",
        ]),
    ]  # fmt: skip
    if "add(any 2)" in body[-1]:
        body[-1:] = ["parts = any 2 of {p: p[1], q: p[2], r: p[1] -> relu}", "output logits = add(parts)"]
    return [_image(pick), *_shared(pick, "\n".join(body)), *body]


def chain(pick: Pick) -> list[str]:
    """Cells in rows of searched lengths, each on the last two maps, whose strides are searched."""
    rounds = pick([2, 3])
    joined = pick([
        "(o[i, q - 1] -> conv(c = 8, s = s))"
        " + (o[i, q - 2] -> resize(like = o[i, q - 1]) -> conv(c = 8, s = s))",
        "(o[i, q - 1] -> conv(c = 8, s = s)) + (o[i, q - 2] -> conv(c = 8, s = s))",
        "concat(o[i, q - 1], o[i, q - 2]) -> conv(c = 8, s = s)",
        "o[i, q - 1] -> conv(c = 8, s = s if q == 1 else 1)",
        "(o[i, q - 1] if o[i, q - 1].h <= o[i, q - 2].h else o[i, q - 2]) -> conv(c = o[i, q - 1].c, s = s)",
    ])  # fmt: skip
    joined = joined.replace(" = s)", " = stride)").replace("s if q", "stride if q")
    lines = [
        "x[1] = image -> conv(c = 8, s = 2)",
        "x[2] = x[1] -> conv(c = 8, s = 2)",
        f"stage blocks for i in 3..{pick([3, 4])} {{",
        "  first = one of x[1..i - 1]",
        "  other = " + pick(["first", "x[i - 1]", "one of x[1..i - 1]"]),
        f"  times = one of {{1..{rounds}}}",
        "  stride = " + pick(["one of {1, 2}", "one of {1, 2} if i == 3 else 1", "2"]),
        "  o[i, -1] = first",
        "  o[i, 0] = other",
        f"  stage rounds for q in 1..{rounds} {{ o[i, q] = {joined} }}",
        "  x[i] = o[i, times]",
        "}",
        "output logits = "
        + pick(
            ["x[3] -> upsample(scale = 2)", "x[3] -> conv(c = 2)", "concat(unused(x[2..3]))", "x[3] + x[2]"]
        ),
    ]
    return [_image(pick), *lines]


def grid(pick: Pick) -> list[str]:
    """Where each layer stands on a ladder of sizes is searched; indices are computed from decisions."""
    layers = pick([2, 3])
    start = pick(["0", "1"])
    step = pick(["at[l - 1] + move", "max(at[l - 1] + move, 0)", "min(max(at[l - 1] + move, 0), 2)"])
    lines = [
        "x[0] = image -> conv(c = 8)",
        f"at[0] = {start}",
        f"stage layers for l in 1..{layers} {{",
        "  move = one of {-1, 0, 1}",
        f"  at[l] = {step}",
        "  up = x[l - 1] -> upsample(scale = 2)" if pick([0, 1]) else "  up = x[l - 1] -> conv(c = 8)",
        "  x[l] = (x[l - 1] -> half(c = 8)) if at[l] > at[l - 1]"
        " else (up if at[l] < at[l - 1] else (x[l - 1] -> a(c = 8)))",
        "}",
        "w[0] = 4",
        "w[1] = 8",
        "w[2] = 12",
        "output logits = "
        + pick([
            f"x[{layers}] + x[0]",
            f"x[at[{layers}]]",
            f"x[{layers}] -> conv(c = w[at[{layers}]], g = 4)",
            f"x[{layers}] -> conv(c = 8, g = at[{layers}] + 1)",
            f"(x[{layers}] + x[{layers - 1}]) if at[{layers}] == at[{layers - 1}] else x[{layers}]",
        ]),
    ]  # fmt: skip
    return [_image(pick), *lines]
