"""The controller of `template_small.arch` against uniform sampling: rewards of 60 trained networks each.

    python benchmarks/template_small.py [--seeds 3] [--out out/template_small]

Both train the same number of networks under the same conditions.  What counts is the mean reward of the last
third of them, by seed.  Searches that are done are not run again, interrupted ones are resumed.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

from measure import SPECS, one_thread, save

one_thread()

import archdsl  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
STRATEGIES = {"ppo": None, "random": "random"}
"""None: that of the spec."""


def rewards(name: str, seed: int, folder: Path) -> list[float]:
    """The rewards of the networks of a search, in their order."""
    run = folder / f"{name}-{seed}"
    found = archdsl.search(
        SPECS / "template_small.arch", strategy=STRATEGIES[name], seed=seed, folder=run,
        resume=(run / "manifest.json").exists(),
    )  # fmt: skip
    return [float(one.scores["reward"] or 0.0) for one in found.trials if one.state == "scored"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "template_small")
    given = parser.parse_args()
    figures: dict[str, Any] = {}
    for seed in range(given.seeds):
        for name in STRATEGIES:
            found = rewards(name, seed, given.out)
            size = len(found) // 3
            thirds = [statistics.fmean(found[n * size : (n + 1) * size]) for n in range(3)]
            print(f"{name:8} seed {seed}  {len(found)} networks  {' '.join(f'{one:.4f}' for one in thirds)}")
            figures[f"{name}, seed {seed}"] = {
                "mean reward by thirds": [round(one, 4) for one in thirds], "best": round(max(found), 4),
                "rewards": " ".join(f"{one:.4f}" for one in found),
            }  # fmt: skip
    save("template_small", figures)


if __name__ == "__main__":
    main()
