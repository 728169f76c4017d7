"""From a space to networks: random samples made into modules, and bound specs, per second.

    python benchmarks/sampling.py [ROUNDS]

The space is `eight_choices.arch`. The same networks written by hand, as one would in PyTorch, are sampled and
made in the same run; before anything is measured, both are shown to be the same.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from measure import in_turns, median, one_thread, ratio, save

one_thread()

import torch  # noqa: E402
from torch import nn  # noqa: E402

import archdsl  # noqa: E402

SPEC = Path(__file__).parent / "eight_choices.arch"
OPS = ("conv1", "conv3", "sep3", "dil3", "pool3")
BATCH = 50
TARGETS = {"modules per second": 400, "bound specs per second": 5_000}


def candidate(op: str, c: int) -> nn.Module:
    match op:
        case "conv1":
            return nn.Sequential(nn.ReLU(), nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c))
        case "conv3":
            return nn.Sequential(nn.ReLU(), nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c))
        case "pool3":
            return nn.MaxPool2d(3, stride=1, padding=1)
    d = 2 if op == "dil3" else 1
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(c, c, 3, padding=d, dilation=d, groups=c, bias=False),
        nn.Conv2d(c, c, 1, bias=False),
        nn.BatchNorm2d(c),
    )


class ByHand(nn.Module):
    """One network of the space, written by hand."""

    def __init__(self, ops: list[str], c: int = 32, classes: int = 10):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), nn.ReLU())
        self.body = nn.ModuleList(candidate(op, c) for op in ops)
        self.head = nn.Conv2d(c, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for op in self.body:
            x = x + op(x)
        return self.head(x)


def prove_same(space: archdsl.Space) -> None:
    """The modules of both ways have the same parameters and, drawn from the same seed, the same output."""
    rng = random.Random(1)
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for seed in range(20):
        decisions = space.sample(rng)
        torch.manual_seed(seed)
        ours = archdsl.bind(space, decisions).module().eval()
        torch.manual_seed(seed)
        theirs = ByHand(list(decisions.values())).eval()
        assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
        with torch.no_grad():
            assert torch.equal(ours(image), theirs(image))


def main(rounds: int = 21) -> None:
    torch.set_num_threads(1)
    space = archdsl.load(SPEC).space()
    prove_same(space)
    rng = random.Random(0)

    def by_hand() -> None:
        for _ in range(BATCH):
            ByHand([rng.choice(OPS) for _ in range(8)]).eval()

    def compiled() -> None:
        for _ in range(BATCH):
            archdsl.bind(space, space.sample(rng)).module().eval()

    def bound() -> None:
        for _ in range(BATCH):
            archdsl.bind(space, space.sample(rng))

    def simplified() -> None:
        for _ in range(BATCH):
            _ = archdsl.bind(space, space.sample(rng)).graph

    def written() -> None:
        for _ in range(BATCH):
            archdsl.bind(space, space.sample(rng)).to_arch()

    tasks = {
        "sample -> module, by hand": by_hand,
        "sample -> module": compiled,
        "sample -> bound, checked network": bound,
        "sample -> bound, checked, simplified graph": simplified,
        "sample -> bound, checked network -> .arch text": written,
    }
    taken = in_turns(tasks, rounds)
    for name, seconds in taken.items():
        print(f"{name:47} {BATCH / median(seconds):8,.0f} per second")
    share = ratio(taken["sample -> module, by hand"], taken["sample -> module"])
    print(f"modules per second, ours / by hand: {share:.2f}")
    save("sampling", {"batch": BATCH, "cpu_seconds": taken, "targets": TARGETS})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
