"""The compiled student's eager forward beside the same network written by hand.

    python benchmarks/forward.py [ROUNDS]

Both have the same parameters and, filled with the same numbers, give the same logits: this is shown first.
"""

from __future__ import annotations

import sys
from pathlib import Path

from measure import SPECS, in_turns, median, one_thread, ratio, save

one_thread()
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import torch  # noqa: E402

import archdsl  # noqa: E402
from shapefill import fill  # noqa: E402
from student_by_hand import StudentByHand  # noqa: E402

SIZE = (1, 3, 256, 512)
MOST = 1.02
"""The compiled network may take as many times as long as the one written by hand."""


def main(rounds: int = 101) -> None:
    torch.set_num_threads(1)
    compiled, by_hand = archdsl.compile(SPECS / "fasterseg_student.arch"), StudentByHand().eval()
    assert sum(p.numel() for p in compiled.parameters()) == sum(p.numel() for p in by_hand.parameters())
    image = torch.randn(SIZE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        assert torch.equal(fill(compiled)(image), fill(by_hand)(image))

    compiled.float(), by_hand.float()
    image = image.float()
    with torch.inference_mode():
        tasks = {"compiled": lambda: compiled(image), "by hand": lambda: by_hand(image)}
        taken = in_turns(tasks, rounds, warm=5)
    for name, seconds in taken.items():
        print(f"{name:10} {1e3 * median(seconds):7.1f} ms CPU")
    print(f"compiled / by hand: {ratio(taken['compiled'], taken['by hand']):.3f}   target at most {MOST}")
    save("forward", {"input": SIZE, "cpu_seconds": taken, "target": MOST})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
