"""CamVid at reduced size: found against random networks, and final networks.

    python benchmarks/camvid.py DATA [JOB …] [--out out/camvid]

`specs/camvid.arch` is searched on images of 180 × 240, crops of 96 × 128; what is found, and random networks
of the space, are trained from nothing by one recipe.  Jobs: `table`, `search-0.1-2x3x4-warm-0` (λ,
cells, strategy, seed) with its retraining, `random-0`, `final-found`, `report`;
without any, all of them, one after the other.  A job that is done is skipped, one that was interrupted
goes on, so several processes may share the work.  `report` prints the tables of what is done, and writes
results/camvid.json, docs/figures/camvid.svg and docs/figures/lambda.svg.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

from archdsl import atomic
from archdsl.report.charts import Point, scatter

ROOT = Path(__file__).resolve().parent.parent
SPEC = ROOT / "specs" / "camvid.arch"
SIZE = "image=3x180x240"
STRATEGIES = {
    "short": ("epochs=15", "start=0", "gates_from=3"),
    "warm": ("epochs=20", "start=5", "gates_from=5"),
}
SEARCHES = {
    "λ = 0.1": ("0.1-2x3x4-short-0", "0.1-2x3x4-short-1", "0.1-2x3x4-short-2"),
    "λ = 0.1, warm": ("0.1-2x3x4-warm-0", "0.1-2x3x4-warm-1", "0.1-2x3x4-warm-2"),
    "other λ": (
        "0.001-2x3x4-short-0", "0.01-2x3x4-short-0", "0.05-2x3x4-short-0", "0.05-2x3x4-short-1",
        "0.07-2x3x4-short-0", "0.07-2x3x4-short-1", "0.2-2x3x4-short-0",
    ),
    "other cells": ("0.1-4x4x4-short-0", "0.1-2x3x6-short-0"),
}  # fmt: skip
"""λ, cells of the hyper-cells, strategy, and seed."""
RANDOM = range(8)
SHORT = (
    "--crop", "96x128", "--scale", "0.5", "1.25", "--epochs", "20", "--lr", "0.05", "--evaluate-every", "5",
)  # fmt: skip
LONG = (
    "--crop", "192x256", "--scale", "0.5", "1.5", "--epochs", "15", "--lr", "0.05", "--colour", "0.2",
    "--evaluate-every", "5",
)  # fmt: skip
FINALS = {
    "found": ROOT / "specs" / "camvid_found.arch",
    "plain": ROOT / "specs" / "plain.arch",
    "template_arch0": ROOT / "specs" / "template_arch0.arch",
    "autortnet_a": ROOT / "specs" / "autortnet_a.arch",
}
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of CamVid")
    parser.add_argument("jobs", nargs="*", metavar="JOB")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "camvid")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for job in given.jobs or every_job():
        run(job, given.data, given.out)


def every_job() -> list[str]:
    searches = [f"search-{name}" for name in chain(*SEARCHES.values())]
    return ["table", *searches, *(f"random-{n}" for n in RANDOM), *(f"final-{n}" for n in FINALS), "report"]


def run(job: str, data: Path, out: Path) -> None:
    kind, _, name = job.partition("-")
    small = f"camvid:{data},resize=180"
    if kind == "table":
        archdsl("latency", "build", str(SPEC), "--set", SIZE, "-o", str(out / "table.json"))
    elif kind == "search":
        search(name, data, out)
        train(out / job / "best.arch", small, out / f"train-{name}", SHORT, int(name[-1]))
    elif kind == "random":
        archdsl("sample", str(SPEC), "--seed", str(100 + int(name)), "-o", str(out / job))
        train(drawn(out / job), small, out / f"train-random-{name}", SHORT, int(name))
    elif kind == "final":
        train(FINALS[name], f"camvid:{data}", out / job, LONG, 0)
    else:
        report(out)


def search(name: str, data: Path, out: Path) -> None:
    """Searches with these cells and this seed; the table stands beside the runs."""
    weight, cells, strategy, seed = name.split("-")
    folder = out / f"search-{name}"
    if done(folder):
        return
    goes_on = ("--resume", str(folder)) if folder.exists() else ("-o", str(folder))
    archdsl(
        "search", str(SPEC), "--set", SIZE, f"weight={weight}", f"cells={cells}", *STRATEGIES[strategy],
        "--data", f"camvid:{data},resize=180,crop=96x128",
        "--table", str(out / "table.json"), "--seed", seed, *goes_on,
    )  # fmt: skip


def train(network: Path, data: str, folder: Path, recipe: tuple[str, ...], seed: int) -> None:
    if (folder / "journal.jsonl").exists() and not done(folder):
        archdsl("train", str(network), "--resume", str(folder))
    elif not done(folder):
        archdsl("train", str(network), "--data", data, *recipe, "--seed", str(seed), "-o", str(folder))


def done(folder: Path) -> bool:
    return (folder / "report.html").exists()


def archdsl(*words: str) -> str:
    """Runs a verb; returns what it printed as its result."""
    print("archdsl", *words, file=sys.stderr, flush=True)
    told = subprocess.run(
        [sys.executable, "-m", "archdsl", *words],
        env=ENVIRONMENT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return told.stdout


def journal(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text("utf-8").splitlines()]


def report(out: Path) -> None:
    """Prints the tables of the runs that are done, and keeps the raw figures and a picture."""
    rows = {
        **{
            title: [found(out, n) for n in names if done(out / f"train-{n}")]
            for title, names in SEARCHES.items()
        },
        "random": [
            of_space(out, f"random-{n}", drawn(out / f"random-{n}"))
            for n in RANDOM
            if done(out / f"train-random-{n}")
        ],
        "final": [final(out, n, path) for n, path in FINALS.items() if done(out / f"final-{n}")],
    }
    for title, group in rows.items():
        print(f"\n{title:24} {'mIoU':>6} {'ms':>7} {'parameters':>11} {'MACs':>14}")
        for row in group:
            figures = f"{row['miou']:6.3f} {row['ms']:7.2f} {row['parameters']:11,} {row['macs']:14,}"
            print(f"{row['name']:24} {figures} {row.get('gates', '')}")
        if title != "final" and len(group) > 1:
            mious, times = [row["miou"] for row in group], [row["ms"] for row in group]
            means = f"{statistics.mean(mious):6.3f} {statistics.mean(times):7.2f}"
            print(f"{'mean':24} {means}, deviation of mIoU {statistics.stdev(mious):.3f}")
    results = ROOT / "benchmarks" / "results" / "camvid.json"
    atomic.write_text(results, json.dumps(rows, indent=1) + "\n")
    points = [
        Point(row["ms"], 100 * row["miou"], f"{title}: {row['name']}", strong=title != "random")
        for title, group in rows.items()
        if title != "final"
        for row in group
    ]
    figure = scatter(
        points, title="Found (red) and random networks (blue)",
        x_label="milliseconds, 180 × 240, one CPU thread", y_label="mIoU in %, CamVid, validation",
    )  # fmt: skip
    atomic.write_text(ROOT / "docs" / "figures" / "camvid.svg", figure)
    searched = [row for title in SEARCHES for row in rows[title]]
    atomic.write_text(ROOT / "docs" / "figures" / "lambda.svg", by_weight(searched))


def by_weight(searched: list[dict[str, Any]]) -> str:
    """Latency over the logarithm of λ (Fig. 6 of AutoRTNet), of searches that differ in λ and seed alone."""
    times: dict[float, list[float]] = {}
    for row in searched:
        weight, cells, strategy, _ = row["name"].split("-")
        if (cells, strategy) == ("2x3x4", "short"):
            times.setdefault(math.log10(float(weight)), []).append(row["ms"])
    points = [
        Point(x, ms, f"λ = {10**x:g}: {ms:.2f} ms", strong=True) for x, all in times.items() for ms in all
    ]
    return scatter(
        points, path=[(x, statistics.mean(times[x])) for x in sorted(times)],
        title="Latency of found networks by the weight of latency", x_label="log10 λ",
        y_label="milliseconds, 180 × 240, one CPU thread",
    )  # fmt: skip


def drawn(folder: Path) -> Path:
    (network,) = (path for path in folder.glob("*.arch") if path.name != SPEC.name)
    return network


def found(out: Path, name: str) -> dict[str, Any]:
    row = of_space(out, name, out / f"search-{name}" / "best.arch")
    last = next(r for r in reversed(journal(out / f"search-{name}")) if r["kind"] == "epoch")
    return {**row, "gates": list(last["found"]["gates"].values())}


def of_space(out: Path, name: str, network: Path) -> dict[str, Any]:
    """A network of the space, whose latency the table tells."""
    table = ("--table", str(out / "table.json"))
    told = json.loads(archdsl("latency", "estimate", str(network), "--set", SIZE, *table, "--json"))
    return {**scored(out / f"train-{name}", name), "ms": told["total_ms"], **cost(network, SIZE)}


def final(out: Path, name: str, network: Path) -> dict[str, Any]:
    """Any network, measured whole."""
    settings = ("image=3x352x480", *(("classes=11",) if name in ("template_arch0", "autortnet_a") else ()))
    told = json.loads(archdsl("latency", "measure", str(network), "--set", *settings, "--json"))
    return {**scored(out / f"final-{name}", name), "ms": told["ms"], **cost(network, *settings)}


def scored(run: Path, name: str) -> dict[str, Any]:
    """The last score of a run, not its best."""
    last = [r for r in journal(run) if "miou" in r][-1]
    return {"name": name, "miou": last["miou"], "iou": last["iou"]}


def cost(network: Path, *settings: str) -> dict[str, Any]:
    told = json.loads(archdsl("cost", str(network), "--set", *settings, "--json"))
    return {"parameters": told["params"], "macs": told["macs"]}


if __name__ == "__main__":
    main()
