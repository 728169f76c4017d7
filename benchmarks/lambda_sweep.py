"""The weight λ of the cost in the objective, and what the found networks cost (Fig. 6 of AutoRTNet).

python benchmarks/lambda_sweep.py: `specs/space.arch` at 48 × 96, eight epochs on generated scenes, two
seeds for each λ; prints a table and saves raw figures in results/lambda_sweep.json.
"""

from __future__ import annotations

import json
import statistics
import sys

import torch

from one_search import ROOT, search

LAMBDAS = (0.001, 0.01, 0.1, 1.0)
SEEDS = (0, 1)
SETTINGS = {"epochs": 8, "architecture_lr": 0.03, "gates_from": 2}


def searched(weight: float, seed: int) -> dict[str, object]:
    """One search; what was found, and the mean network at the end."""
    run = search("space", (48, 96), SETTINGS, seed, weight=weight)
    return {"lambda": weight, "seed": seed, **run.found.costs, "mean_macs": run.mean["macs"],
            "gates": run.gates, "miou": run.end["miou"]}  # fmt: skip


def main() -> None:
    torch.set_num_threads(1)
    runs = []
    print(f"{'λ':>6}  {'MACs found':>12}  {'of the mean':>12}  {'parameters':>10}  {'mIoU':>6}  gates")
    for weight in LAMBDAS:
        here = [searched(weight, seed) for seed in SEEDS]
        runs += here
        mean = {
            k: statistics.mean(float(str(r[k])) for r in here)
            for k in ("macs", "mean_macs", "params", "miou")
        }
        gates = "  ".join(str(r["gates"]) for r in here)
        print(f"{weight:>6}  {mean['macs']:>12,.0f}  {mean['mean_macs']:>12,.0f}  {mean['params']:>10,.0f}"
              f"  {mean['miou']:>6.3f}  {gates}", flush=True)  # fmt: skip
    out = ROOT / "benchmarks" / "results" / "lambda_sweep.json"
    out.write_text(
        json.dumps({"settings": SETTINGS, "torch": torch.__version__, "runs": runs}, indent=1) + "\n"
    )
    print(f"wrote {out.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
