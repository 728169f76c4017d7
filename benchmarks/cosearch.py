"""FasterSeg's small supernet, forward and backward, beside the same written by hand.

    python benchmarks/cosearch.py [ROUNDS]

Six layers, four channels per unit of stride, three widths, images of 2 × 3 × 64 × 128 and 2 × 3 × 128 × 256:
the five heads of an architecture with the same weights, ops and reads mixed by softmax, widths sampled
straight-through (new ones each round, after BEFORE others, as in a search under way).  By hand is
`fasterseg_by_hand.py`.  Outputs and gradients are compared before anything is timed; the two take turns.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from measure import SPECS, in_turns, median, one_thread, ratio, save

one_thread()

import torch  # noqa: E402
from torch import nn  # noqa: E402

import archdsl  # noqa: E402
from archdsl.backends.elastic.network import ElasticNetwork  # noqa: E402
from archdsl.backends.elastic.shared import build  # noqa: E402
from archdsl.passes.transforms.distribute import Distribute  # noqa: E402
from fasterseg_by_hand import Chain, Mixed, Own, Skip, Supernet, Width  # noqa: E402

ROWS, UNITS, LAYERS, UNIT, LAST = (8, 16, 32), (2, 3, 4), 6, 4, 4
OPS = ("skip", "conv", "zoom", "conv2", "zoom2")
HEADS = {"at8": "at8", "at16": "at16", "at32": "at32", "both8": "pair8", "both16": "pair16"}
PRIVATE = ("stem", "keep", "fused16", "fused32", "pair8", "pair16", "at8", "at16", "at32")
BEFORE = 300
"""Draws of widths before those that are timed; an epoch of the search has 495 steps or more."""
SIZES = ((64, 128), (128, 256))


def pairs(hand: Supernet) -> Iterator[tuple[str, list[nn.Parameter], list[nn.ModuleList]]]:
    """By prefix of our weights, the convolutions by hand and the normalizations behind them, in order."""
    for name, ops in (("keep", hand.keep), ("down", hand.down)):
        for key, mixed in ops.items():
            layer, row = map(int, key.split("_"))
            assert isinstance(mixed, Mixed)
            for op, module in zip(OPS, mixed.ops, strict=True):
                prefix = f"cells[{layer + 1}, {ROWS[row]}].{name}.{op}."
                if isinstance(module, Chain):
                    convs = list(module.convs)
                    yield prefix, [c.weight for c in convs], [c.norms for c in convs]  # type: ignore[misc]
                elif isinstance(module, Skip) and module.s == 1:
                    yield prefix, [module.one.weight], [module.one.norms]
                elif isinstance(module, Skip):
                    yield prefix, [module.even.weight, module.odd.weight], [module.norms]
    own = hand.own[0]
    assert isinstance(own, Own)
    parts = {
        "stem": own.stem[:3], "keep[0, 8]": own.stem[3:], "fused16": own.from16,
        "fused32.fuse_2": own.from32[:2], "fused32.fuse.": own.from32[2:],
    }  # fmt: skip
    for prefix, blocks in parts.items():
        yield f"student.{prefix}", [b[0].weight for b in blocks], [nn.ModuleList([b[1]]) for b in blocks]
    for prefix, head in zip(HEADS.values(), own.heads, strict=True):
        yield f"student.{prefix}.", [head[0][0].weight, head[1].weight], [nn.ModuleList([head[0][1]])]


def fill(hand: Supernet, member: ElasticNetwork) -> None:
    """Copies our weights into those by hand."""
    with torch.no_grad():
        for prefix, weights, norms in pairs(hand):
            mine = {w: member._modules[a] for w, a in member._stored.items() if w.startswith(prefix)}
            convs = [module for module in mine.values() if isinstance(module, nn.Conv2d)]
            for weight, conv in zip(weights, convs, strict=True):
                weight.copy_(conv.weight)
            sets: dict[str, list[nn.BatchNorm2d]] = {}
            for name, module in mine.items():
                if isinstance(module, nn.BatchNorm2d):
                    sets.setdefault(re.sub(r"\[[\d, ]+\]$", "", name), []).append(module)
            for every, found in zip(norms, sets.values(), strict=True):
                by_size = {module.num_features: module for module in found}
                for norm in every:
                    norm.load_state_dict(by_size.get(norm.num_features, norm).state_dict())
        for head, name in zip(hand.own[0].heads, HEADS.values(), strict=True):  # type: ignore[arg-type, union-attr]
            last = [a for w, a in member._stored.items() if w.startswith(f"student.{name}.")][-1]
            head[1].bias.copy_(member._modules[last].bias)  # type: ignore[union-attr]


class Draw:
    """Logits of the student, and widths sampled from them."""

    def __init__(self) -> None:
        self.alpha = {r: torch.zeros(LAYERS - n, 5, requires_grad=True) for n, r in enumerate(ROWS)}
        self.beta = {r: torch.zeros(5 - n, 2, requires_grad=True) for n, r in enumerate(ROWS) if n}
        self.ratio = {r: torch.zeros(k, 3, requires_grad=True) for r, k in zip(ROWS, (5, 5, 4), strict=True)}
        self.sample(0)

    def sample(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.width = {r: torch.randint(3, (len(x),), generator=generator) for r, x in self.ratio.items()}

    def scalars(self, r: int) -> list[torch.Tensor]:
        """Straight-through one-hot weights by layer."""
        hard = nn.functional.one_hot(self.width[r], 3).float()
        soft = self.ratio[r].softmax(1)
        return list((hard - soft.detach() + soft).unbind())

    def leaves(self) -> list[torch.Tensor]:
        return [*self.alpha.values(), *self.beta.values(), *self.ratio.values()]


def by_hand(hand: Supernet, x: torch.Tensor, draw: Draw) -> list[torch.Tensor]:
    widths: list[list[Width]] = [
        [(int(w), one[int(w)]) for w, one in zip(draw.width[r], draw.scalars(r), strict=True)] for r in ROWS
    ]
    alphas = [draw.alpha[r].softmax(1) for r in ROWS]
    return hand.heads(x, 0, alphas, [draw.beta[r].softmax(1) for r in ROWS[1:]], widths)


def ours(member: ElasticNetwork, x: torch.Tensor, draw: Draw) -> list[torch.Tensor]:
    outcomes: dict[str, int] = {}
    weights = {"pair": torch.full((2,), 0.5)}
    alpha = {r: draw.alpha[r].softmax(1).unbind() for r in ROWS}
    beta = {r: draw.beta[r].softmax(1).unbind() for r in ROWS[1:]}
    scalars = {r: draw.scalars(r) for r in ROWS}
    for path in member.archdsl_graph.decisions:
        if path == "pair":
            continue
        layer, r = map(int, re.findall(r"\d+", path)[:2])
        row = layer - 1 - ROWS.index(r)
        if path.endswith(".kind"):
            weights[path] = alpha[r][row]
        elif path.endswith(".x"):
            weights[path] = beta[r][row - 1]
        else:
            place = layer - 1 if r < 32 else layer - 2
            outcomes[path], weights[path] = int(draw.width[r][place]), scalars[r][place]
    found = member.forward_all(x, outcomes=outcomes, weights=weights)
    return [found[head] for head in HEADS]


def gradients(outputs: list[torch.Tensor], draw: Draw) -> list[torch.Tensor]:
    for leaf in draw.leaves():
        leaf.grad = None
    torch.stack([one.square().mean() for one in outputs]).sum().backward()
    return [leaf.grad.clone() for leaf in draw.leaves() if leaf.grad is not None]


def main(rounds: int) -> None:
    torch.manual_seed(0)
    program = archdsl.load(SPECS / "fasterseg.arch")
    space = program.space(layers=LAYERS, units="{2, 3, 4}", last=LAST, image=(3, 64, 128))
    net = build({"student": Distribute("x")(space.graph)}, PRIVATE, bn="per_width")
    member, hand, draw = (
        net.members["student"],
        Supernet(LAYERS, UNIT, [u / UNIT for u in UNITS], [LAST]),
        Draw(),
    )
    for parameter in net.parameters():
        if parameter.ndim == 4:
            nn.init.kaiming_normal_(parameter, nonlinearity="relu")
    fill(hand, member)
    with torch.no_grad():
        for n in range(BEFORE):
            draw.sample(10**6 + n)
            ours(member, torch.zeros(1, 3, 64, 128), draw)
    figures: dict[str, object] = {}
    for size in SIZES:
        x = torch.randn(2, 3, *size)
        one, other = ours(member, x, draw), by_hand(hand, x, draw)
        worst = max(
            float((a - b).detach().abs().max() / b.abs().max().detach())
            for a, b in zip(one, other, strict=True)
        )
        assert worst < 1e-4, worst
        pairs_of = zip(gradients(one, draw), gradients(other, draw), strict=True)
        assert all(torch.allclose(a, b, rtol=1e-2, atol=1e-4) for a, b in pairs_of)
        rounds_done = iter(range(10**9))

        def step(run: object) -> None:
            draw.sample(next(rounds_done) // 2)  # noqa: B023
            module = net if run is ours else hand
            module.zero_grad(set_to_none=True)
            gradients(ours(member, x, draw) if run is ours else by_hand(hand, x, draw), draw)  # noqa: B023

        taken = in_turns({"ours": lambda: step(ours), "by hand": lambda: step(by_hand)}, rounds)
        found = ratio(taken["ours"], taken["by hand"])
        named = f"{size[0]}×{size[1]}"
        seconds = {name: f"{median(one):.3f} s" for name, one in taken.items()}
        print(f"{named}: ours {seconds['ours']}, by hand {seconds['by hand']}, ratio {found:.2f}")
        figures[named] = {"ratio": found, "seconds": taken}
    save("cosearch", figures)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
