"""FasterSeg's co-search with and without decoupled latency terms; its student with and without a teacher.

    nice python benchmarks/cosearch_ablation.py TABLE [JOB …] [--out out/cosearch_ablation]

TABLE is the released latency table (GTX 1080 Ti), as read by `archdsl latency import`.  Six layers, three
widths, crops of 64 × 128 of generated scenes with 11 classes; latencies are those of 1024 × 2048 images.
Jobs, each by seed:

* `decoupled-0`: the co-search with the three latency terms of the paper (section 3.2);
* `joint-0`: the same with one expected latency of all decisions of the student;
* `trained-0`: the networks of both searches, trained from scratch: the teacher, both students, and the
  student of the decoupled search with distillation from its teacher;
* `report`, which writes results/cosearch_ablation.json.

Without any, all of them.  A search that was interrupted is resumed, a training begun again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measure import SPECS, one_thread, save

one_thread()

import archdsl  # noqa: E402
from archdsl.devices.foreign import import_table, mapping  # noqa: E402
from archdsl.devices.table import write  # noqa: E402
from archdsl.runs.lines import read_records  # noqa: E402

TEXT = """arch 1

import FasterSeg from "./fasterseg.arch"
import FasterSegBranches from "./fasterseg_branches.arch"

HEADS = ["at8", "at16", "at32", "both8", "both16"]

search Small(;
  weight = window(0.3, rate(device = "gtx1080ti"), 155 fps .. 175 fps),
) for FasterSeg {
  classes = 11
  layers = 6
  units = {4, 8, 12}
  strategy = differentiable(sampler = softmax, order = 1, bn = per_width, epochs = 12, pretrain = 4)
  private = [stem, keep, fused16, fused32, pair8, pair16, at8, at16, at32]
  blend_outputs = [x]
  architecture {
    optimizer = adam(lr = 0.02, betas = [0.5, 0.999])
  }
  parameters {
    optimizer = sgd(lr = 0.02, end = 1e-3, momentum = 0.9, decay = 5e-4)
  }
  data = synthetic(images = 32, batch = 4, size = [64, 128], crop = [64, 128])
  decode = branches(into = FasterSegBranches, ends = [[32], [8, 16]], select = pair, select_by = score)
  teacher {
    last = 12
    widths = 12
    decode = branches(
      into = FasterSegBranches, ends = [[32], [8, 16]], select = pair, select_by = score,
      without_skip = true,
    )
    passes = [sampled]
    pretrain_passes = [largest, smallest, random, random]
    minimize ohem(threshold = 0.7, outputs = HEADS, compare_at = logits)
  }
  student {
    widths = hard
    passes = [sampled, largest, smallest]
    pretrain_passes = []
    minimize ohem(threshold = 0.7, outputs = HEADS, compare_at = logits) + weight * LATENCY
  }
}
"""
LATENCY = {
    "decoupled": """(1 / 500 * latency(device = "gtx1080ti", uniform = [cells.x], largest = [widths])
        + 497 / 500 * latency(device = "gtx1080ti", uniform = [cells.kind], largest = [widths])
        + 2 / 500 * latency(device = "gtx1080ti", uniform = [cells], sampled = [widths]))""",
    "joint": 'latency(device = "gtx1080ti")',
}
SEEDS = (0, 1, 2)
KINDS = ("decoupled", "joint", "trained")
JOBS = [*(f"{kind}-{seed}" for seed in SEEDS for kind in KINDS), "report"]
SCENES = "synthetic:images=64,size=64x128,batch=8"
EPOCHS = 25
"""Of trainings from scratch, of 8 steps each."""


def released_table(path: Path, out: Path) -> Path:
    """The released table with rows of heads of 11 classes, which get the latency of those of 19."""
    raw = json.loads(path.read_text())
    heads = {key: ms for key, ms in raw["entries"].items() if key.startswith("head_")}
    raw["entries"] |= {key.replace("Cout19", "Cout11"): ms for key, ms in heads.items()}
    entries, table = out / "entries.json", out / "gtx1080ti.json"
    entries.write_text(json.dumps(raw))
    write(import_table(entries, mapping("fasterseg")), table)
    return table


def search(job: str, table: Path, out: Path) -> None:
    """A co-search; resumed where it stopped."""
    kind, seed = job.split("-")
    spec = out / f"{kind}.arch"
    spec.write_text(TEXT.replace("LATENCY", LATENCY[kind]))
    for name in ("fasterseg.arch", "fasterseg_branches.arch"):
        shutil.copy(SPECS / name, out / name)
    if not (out / job / "student" / "decoded.arch").exists():
        archdsl.search(
            str(spec),
            tables=[table],
            folder=out / job,
            resume=(out / job).exists(),
            seed=int(seed),
            device="cpu",
        )


def train(job: str, out: Path) -> None:
    """The networks of both searches of a seed, trained from scratch on other scenes."""
    seed = int(job.split("-")[1])
    teacher, student = (out / f"decoupled-{seed}" / who / "decoded.arch" for who in ("teacher", "student"))
    joint = out / f"joint-{seed}" / "student" / "decoded.arch"
    scores: dict[str, float] = {}
    for name, network, teaching in (
        ("teacher", teacher, None), ("student", student, None), ("joint student", joint, None),
        ("distilled student", student, teacher),
    ):  # fmt: skip
        folder = out / job / name.replace(" ", "_")
        shutil.rmtree(folder, ignore_errors=True)
        found = archdsl.train(
            str(network), f"{SCENES},seed={100 + seed}", settings={"image": [3, 64, 128]}, epochs=EPOCHS,
            lr=0.05, scale=(0.75, 1.25), seed=seed, folder=folder, device="cpu",
            distill=teaching and str(teaching), teacher_weights=teaching and out / job / "teacher",
        )  # fmt: skip
        scores[name] = found.miou
    (out / job / "scores.json").write_text(json.dumps(scores))


def searched(job: str, out: Path) -> dict[str, Any]:
    """What a search found for its student, and how it came there: figures of each of its epochs."""
    epochs = []
    for record in read_records(out / job / "journal.jsonl"):
        if record["kind"] == "epoch" and record["member"] == "student":
            epochs.append(figures(record))
    return {"epochs": epochs, **epochs[-1]}


def figures(record: Mapping[str, Any]) -> dict[str, Any]:
    """Of the student after an epoch: mean width, share of the ops that skip, rate of the network found."""
    probable = {path: max(range(len(p)), key=p.__getitem__) for path, p in record["probabilities"].items()}
    widths = [n for path, n in probable.items() if path.startswith("widths")]
    kinds = [n for path, n in probable.items() if path.endswith(".kind")]
    return {
        "mean width": 4 * (1 + statistics.mean(widths)),
        "share of skips": sum(n == 0 for n in kinds) / len(kinds),
        "weight": next(iter(record["weights"].values())),
        "expected fps": record["expected"]["fps"], "fps": record["found"]["fps"],
        "mIoU in the supernet": record["miou"],
    }  # fmt: skip


def report(out: Path) -> dict[str, Any]:
    """The figures of what has been run so far."""
    found: dict[str, Any] = {}
    for job in JOBS[:-1]:
        if job.startswith("trained"):
            if (out / job / "scores.json").exists():
                found[job] = json.loads((out / job / "scores.json").read_text())
                print(job, json.dumps(found[job]))
        elif (out / job / "student" / "decoded.arch").exists():
            found[job] = searched(job, out)
            network = archdsl.load(out / job / "student" / "decoded.arch").network()
            found[job] |= {"params": network.params, "macs": network.macs}
            print(job, json.dumps({key: value for key, value in found[job].items() if key != "epochs"}))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path)
    parser.add_argument("jobs", nargs="*", choices=[*JOBS, []], default=[])
    parser.add_argument("--out", type=Path, default=Path("out/cosearch_ablation"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    table = released_table(given.table, given.out)
    for job in given.jobs or JOBS:
        if job == "report":
            save("cosearch_ablation", report(given.out))
        elif job.startswith("trained"):
            train(job, given.out)
        else:
            search(job, table, given.out)


if __name__ == "__main__":
    main()
