"""The ablation of GAS: one architecture for all cells, one for each, messages by linear layers, by a GCN.

    python benchmarks/gas_ablation.py

`specs/gas.arch` with half of its channels, at 32 × 64 on generated scenes: for each way and each of three
seeds a search, and a training of what was found, by one recipe.  Networks drawn at random stand beside.
Prints a table and keeps raw figures in results/gas_ablation.json, from which an interrupted run goes on.
"""

from __future__ import annotations

import json
import random
import statistics
from typing import Any

import torch

import archdsl
from archdsl import atomic
from archdsl.devices.measure import passive_waiting
from archdsl.passes.costs.cost import costs, total
from archdsl.train.recipe import Recipe
from one_search import ROOT, search, train

WAYS = ("shared", "independent", "dense", "gcn")
SEEDS = (0, 1, 2)
SIZE, WIDTH = (32, 64), 4
GOAL = ('log(latency(device = "titan_xp"))', "log(macs)")
"""What the spec's objective names, for which no table is at hand, and what stands here instead."""
SETTINGS = {"epochs": 12, "architecture_lr": 0.03, "lr": 0.05, "batch": 8}
RECIPE = Recipe(crop=SIZE, epochs=20, lr=0.05, scale=(0.75, 1.5), evaluate_every=20)
RESULTS = ROOT / "benchmarks" / "results" / "gas_ablation.json"


def main() -> None:
    passive_waiting()
    torch.set_num_threads(1)
    runs: list[dict[str, Any]] = json.loads(RESULTS.read_text())["runs"] if RESULTS.exists() else []
    done = {(run["way"], run["seed"]) for run in runs}
    for seed in SEEDS:
        for way in (*WAYS, "random"):
            if (way, seed) not in done:
                runs.append(one(way, seed))
                print(json.dumps(runs[-1]), flush=True)
                kept = {
                    "settings": SETTINGS,
                    "size": SIZE,
                    "width": WIDTH,
                    "torch": torch.__version__,
                    "runs": runs,
                }
                atomic.write_text(RESULTS, json.dumps(kept, indent=1) + "\n")
    table(runs)


def one(way: str, seed: int) -> dict[str, Any]:
    """Searches in this way, or draws, and trains what came of it."""
    if way == "random":
        space = archdsl.load(ROOT / "specs" / "gas.arch").space(image=(3, *SIZE), classes=11, width=WIDTH)
        network, inherited = space.bind(space.sample(random.Random(100 + seed))), None
    else:
        searched = search("gas", SIZE, {**SETTINGS, "communicate": way}, seed, instead=GOAL, width=WIDTH)
        network, inherited = searched.found.network, searched.end["miou"]
    recipe = Recipe(**{**vars(RECIPE), "seed": seed})
    cost = total(costs(network.graph).values())
    return {
        "way": way, "seed": seed, "miou": train(network, SIZE, recipe), "inherited": inherited,
        "params": cost.params, "macs": cost.macs,
    }  # fmt: skip


def table(runs: list[dict[str, Any]]) -> None:
    print(f"{'':12} {'mIoU':>6} {'±':>6} {'inherited':>9} {'MACs':>12} {'parameters':>11}")
    for way in (*WAYS, "random"):
        rows = [run for run in runs if run["way"] == way]
        mean = {
            key: statistics.mean(float(r[key] or 0) for r in rows)
            for key in ("miou", "macs", "params", "inherited")
        }
        spread = statistics.stdev(r["miou"] for r in rows)
        print(f"{way:12} {mean['miou']:6.3f} {spread:6.3f} {mean['inherited']:9.3f} {mean['macs']:12,.0f} "
              f"{mean['params']:11,.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
