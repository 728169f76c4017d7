"""How shared weights rank the networks of a space of which every network is trained alone.

    nice python benchmarks/elastic_ranking.py [JOB …] [--out out/elastic_ranking]

`elastic_ranking.arch`, 243 networks on generated scenes.  Jobs: `alone-0` (seed of weights and batches),
every network trained from scratch; `uniform-0` and `sandwich-0`, a supernet trained by that rule and every
network scored with its weights, statistics recomputed; `short-0`, every network trained from scratch for a
few epochs; `report`.  Without any, all of them.  Each job is a search by trials, which is resumed where it
was interrupted.  `report` writes results/elastic_ranking.json: Kendall's tau of the cross-entropies of
networks on the validation images, by shared weights and alone; and, at the CPU time of a supernet with the
scoring, the rank alone of the best network by shared weights, and of the best among as many short trainings
as fit into that time.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from measure import one_thread, save

one_thread()

from scipy.stats import kendalltau  # noqa: E402

import archdsl  # noqa: E402
from archdsl.runs.lines import read_records  # noqa: E402

SPEC = Path(__file__).parent / "elastic_ranking.arch"
NETWORKS = 243
DATA = "synthetic:images=96,size=32x64,batch=8,split=0.25"
SGD = "optimizer = sgd(lr = 0.1, end = 1e-3, momentum = 0.9, decay = 5e-4)"
EPOCHS, SHORT, SUPERNET = 10, 2, 60
"""Of a training alone, of a short one, and of a supernet; 9 steps each."""
SEEDS = (0, 1, 2)
EVALUATORS = {
    "alone": f"training(epochs = {EPOCHS}, {SGD})",
    "short": f"training(epochs = {SHORT}, {SGD})",
    "uniform": f"weights(train = uniform, epochs = {SUPERNET * 4}, {SGD})",
    "sandwich": f"weights(train = sandwich(random = 2), epochs = {SUPERNET}, {SGD})",
}
"""A step of `sandwich` trains four networks, so that `uniform` has as many epochs more."""
JOBS = [*(f"{kind}-{seed}" for seed in SEEDS for kind in ("alone", "uniform", "sandwich", "short")), "report"]


def run(job: str, out: Path) -> None:
    """Scores every network as a job says; resumed where it stopped."""
    kind, seed = job.split("-")
    folder, times = out / job, out / f"{job}.json"
    if times.exists() and "done" in (found := json.loads(times.read_text())) and found["done"]:
        return
    spent = json.loads(times.read_text())["cpu_s"] if times.exists() else 0.0
    began = time.process_time()
    done = False
    try:
        archdsl.search(
            str(SPEC), strategy="random", evaluate=EVALUATORS[kind], minimize="cross_entropy", data=DATA,
            folder=folder, settings={"trials": NETWORKS}, seed=int(seed), device="cpu",
            resume=folder.exists(),
        )  # fmt: skip
        done = True
    finally:
        out.mkdir(parents=True, exist_ok=True)
        cpu_s = spent + time.process_time() - began
        times.write_text(json.dumps({"cpu_s": cpu_s, "done": done}))
    print(f"{job}: {cpu_s:.0f} s of CPU time", flush=True)


def losses(job: str, out: Path) -> dict[str, float]:
    """The cross-entropy of each network that a job scored, in the order of the trials."""
    found: dict[str, float] = {}
    for record in read_records(out / job / "journal.jsonl"):
        if record["kind"] == "tried" and record["state"] == "scored":
            found[json.dumps(record["outcomes"], sort_keys=True)] = record["scores"]["cross_entropy"]
    return found


def cpu_s(job: str, out: Path) -> float | None:
    """The CPU time of a job so far; None before it was first stopped or done."""
    path = out / f"{job}.json"
    return float(json.loads(path.read_text())["cpu_s"]) if path.exists() else None


def tau(one: dict[str, float], other: dict[str, float]) -> float:
    both = sorted(one.keys() & other.keys())
    return float(kendalltau([one[key] for key in both], [other[key] for key in both]).statistic)


def best(scored: dict[str, float], truth: dict[str, float], count: int) -> int:
    """The rank, from 1, of the best of the first scored networks when each is trained alone."""
    first = {key: loss for key, loss in list(scored.items())[:count] if key in truth}
    chosen = min(first, key=first.__getitem__)
    return 1 + sum(loss < truth[chosen] for loss in truth.values())


def report(out: Path) -> dict[str, Any]:
    """The figures of what has been run so far, over the networks that every training alone has."""
    found = {job: losses(job, out) for job in JOBS[:-1] if (out / job / "journal.jsonl").exists()}
    alone = {job: one for job, one in found.items() if job.startswith("alone")}
    if not alone:
        raise SystemExit("run `alone-0` first")
    known = [key for key in next(iter(alone.values())) if all(key in one for one in alone.values())]
    truth = {key: _mean(alone.values(), key) for key in known}
    figures: dict[str, Any] = {"networks": len(truth), "trainings alone": len(alone), "jobs": {}}
    figures["cross_entropy"] = found
    for job, scored in found.items():
        kind, seed = job.split("-")
        others = [one for other, one in alone.items() if other != job]
        row: dict[str, Any] = {"cpu_s": cpu_s(job, out)}
        if others:
            row["tau"] = tau(scored, {key: _mean(others, key) for key in known})
        if kind in ("uniform", "sandwich"):
            row["rank of the best"] = best(scored, truth, NETWORKS)
            each = cpu_s(f"short-{seed}", out)
            if each is not None and row["cpu_s"] is not None:
                short = found[f"short-{seed}"]
                trained = min(len(short), int(row["cpu_s"] / each * len(short)))
                row["short trainings at the same time"] = trained
                row["rank of the best of them"] = best(short, truth, trained)
        figures["jobs"][job] = row
        print(job, json.dumps(row))
    return figures


def _mean(tables: Iterable[Mapping[str, float]], key: str) -> float:
    found = [table[key] for table in tables]
    return sum(found) / len(found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("jobs", nargs="*", choices=[*JOBS, []], default=[])
    parser.add_argument("--out", type=Path, default=Path("out/elastic_ranking"))
    given = parser.parse_args()
    for job in given.jobs or JOBS:
        if job == "report":
            save("elastic_ranking", report(given.out))
        else:
            run(job, given.out)


if __name__ == "__main__":
    main()
