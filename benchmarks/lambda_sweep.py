"""The weight λ of the cost in the objective, and what the found networks cost (Fig. 6 of AutoRTNet).

python benchmarks/lambda_sweep.py: `specs/space.arch` at 48 × 96, eight epochs on generated scenes, two
seeds for each λ; prints a table and saves raw figures in results/lambda_sweep.json.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

import torch

import archdsl
from archdsl.backends.supernet import build
from archdsl.data.opening import open_data
from archdsl.search.driver import Search
from archdsl.search.folder import SearchFolder
from archdsl.search.objective import ObjectiveFunction
from archdsl.search.plan import read_plan
from archdsl.train.processes import Processes

ROOT = Path(__file__).resolve().parent.parent
LAMBDAS = (0.001, 0.01, 0.1, 1.0)
SEEDS = (0, 1)
GOAL = "minimize cross_entropy + 0.02 * log(macs)"
SETTINGS = {"epochs": 8, "architecture_lr": 0.03, "gates_from": 2}


def searched(weight: float, seed: int) -> dict[str, object]:
    """One search; what was found, and the mean network at the end."""
    text = (ROOT / "specs" / "space.arch").read_text("utf-8")
    assert GOAL in text
    text = text.replace(GOAL, f"minimize cross_entropy + {weight} * log(macs)").replace("budget = 5 min", "")
    program = archdsl.load(ROOT / "specs" / "space.arch", text=text)
    plan, space = read_plan(program.search(), SETTINGS), program.space(image=(3, 48, 96))
    splits = open_data("synthetic", {**plan.data_settings, "size": (48, 96)})
    torch.manual_seed(seed)
    alone = Processes(0, 1, torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        objective = ObjectiveFunction(plan, space)
        search = Search(
            plan,
            space,
            build(space.graph, fuse=True),
            objective,
            splits,
            SearchFolder(Path(folder)),
            alone,
            seed,
        )
        found = search.run(lambda _now: None)
        with torch.no_grad():
            mean = objective.named(objective.cost_values(search.architecture.probabilities()))
        end = [json.loads(line) for line in (Path(folder) / "journal.jsonl").read_text().splitlines()][-1]
    gates = [found.outcomes[path] + 1 for path in sorted(search.gates)]
    return {"lambda": weight, "seed": seed, **found.costs, "mean_macs": mean["macs"], "gates": gates,
            "miou": end["miou"]}  # fmt: skip


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
