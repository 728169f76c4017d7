"""Damaged files of runs: every one ends in what was written, in less that says so, or in a diagnostic.

    python benchmarks/fuzz_state.py [--each 10000] [--seed 0] [--minutes M]

Checkpoints, weights, manifests, journals and latency tables are written, damaged (bits flipped, cut off, a
page zeroed, a part repeated, dropped or taken from elsewhere in the file) and read.  `uncaught` is any
exception but SpecError, `wrong` a result that is not what was written and does not say so.  Each case is a
function of its number; a run that was stopped goes on; counts are in results/fuzz_state.json.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from archdsl import atomic
from archdsl.devices import table as tables
from archdsl.diagnostics import SpecError
from archdsl.runs.checkpoints import load_state, save_state
from archdsl.runs.journal import Journal
from archdsl.runs.manifest import manifest, read_manifest
from archdsl.train.weights import read_tensors, save_weights

RESULT = Path(__file__).parent / "results" / "fuzz_state.json"
TABLE = Path(__file__).parent / "results" / "latency_space.table.json"

Case = tuple[bytes, Callable[[Path], bool]]
"""The bytes of a whole file; and whether what is read is what was written, or says that it is not."""


def cases(folder: Path) -> dict[str, Case]:
    """A file of each kind."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Conv2d(8, 4, 1))
    state = {"module": dict(module.state_dict()), "best": 0.25, "sums": [1.0, 2.5], "tau": None, "name": "x"}
    told = manifest(
        "train", name="N", spec="network", spec_sha256="a" * 64, data={"training sha256": "x"},
        settings={"epochs": 3, "lr": 0.05, "set": {}, "name": None, "data": "synthetic", "licence": ""},
        seed=7, device="cpu", command=["archdsl", "train"],
    )  # fmt: skip
    records = [{"kind": "step", "step": n, "loss": 1 / (n + 1)} for n in range(40)]
    paths = {kind: folder / kind for kind in ("checkpoint", "weights", "manifest", "journal")}
    save_state(paths["checkpoint"], state)
    save_weights(paths["weights"], module, {"name": "N"})
    told.write(paths["manifest"])
    journal = Journal(paths["journal"])
    for record in records:
        journal.write(record)
    mark = journal.mark()

    def journal_is(path: Path) -> bool:
        """Taken on, as by --resume: what stays are records of it, and what does not is kept and said."""
        found = Journal(path)
        found.cut(mark.lines, mark.sha256, step=40)
        return found.records() == records or bool(found.notes)

    known = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    read: dict[str, Callable[[Path], bool]] = {
        "checkpoint": lambda path: same(load_state(path), state),
        "weights": lambda path: same(read_tensors(path), known),
        "manifest": lambda path: read_manifest(path, "train") == told,
        "journal": journal_is,
    }
    found = {kind: (path.read_bytes(), read[kind]) for kind, path in paths.items()}
    table = tables.read(TABLE)
    table = table.model_copy(update={"rows": table.rows[:40]})
    tables.write(table, folder / "table")
    table = tables.read(folder / "table")
    return {**found, "table": ((folder / "table").read_bytes(), lambda path: tables.read(path) == table)}


def same(a: Any, b: Any) -> bool:
    """Whether two states are equal, bit for bit."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and bool(a == b)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """The bytes with one to three damages."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at, size = rng.randrange(max(1, len(found))), rng.choice((1, 4, 64, 512, 4096))
        how = rng.randrange(7)
        if how <= 1 and found:
            found[at] ^= 1 << rng.randrange(8)
        elif how == 2:
            del found[at:]
        elif how == 3:
            found[at : at + size] = bytes(len(found[at : at + size]))
        elif how == 4:
            found[at:at] = found[at : at + size]
        elif how == 5:
            del found[at : at + size]
        else:
            source = rng.randrange(max(1, len(data)))
            found[at : at + size] = data[source : source + size]
    return bytes(found)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=10_000, help="cases of each kind (default 10,000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args(words)
    torch.set_num_threads(1)
    told: dict[str, Any] = {"seed": given.seed, "kinds": {}}
    if given.out.exists() and json.loads(given.out.read_text("utf-8"))["seed"] == given.seed:
        told = json.loads(given.out.read_text("utf-8"))
    until = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory() as name:
        for kind, case in cases(Path(name)).items():
            counts = told["kinds"].setdefault(
                kind, {"cases": 0, "refused": 0, "read": 0, "uncaught": [], "wrong": []}
            )
            while counts["cases"] < given.each and time.monotonic() < until:
                _try(kind, case, counts, Path(name), given.seed)
                if counts["cases"] % 1000 == 0:
                    atomic.write_text(given.out, json.dumps(told, indent=1) + "\n")
            shown = {key: len(v) if isinstance(v, list) else v for key, v in counts.items()}
            print(f"{kind:10} {shown}", flush=True)
    atomic.write_text(given.out, json.dumps(told, indent=1) + "\n")
    return int(any(c["uncaught"] or c["wrong"] for c in told["kinds"].values()))


def _try(kind: str, case: Case, counts: dict[str, Any], folder: Path, seed: int) -> None:
    """The next case; `counts` grow."""
    number, (data, is_right) = counts["cases"], case
    path = folder / f"{kind}-{number}" / "file"
    path.parent.mkdir()
    path.write_bytes(damaged(data, random.Random(f"{seed} {kind} {number}")))
    try:
        if is_right(path):
            counts["read"] += 1
        else:
            counts["wrong"].append(number)
    except SpecError:
        counts["refused"] += 1
    except Exception:  # what is looked for
        counts["uncaught"].append([number, traceback.format_exc(limit=-2)])
    counts["cases"] += 1
    for left in path.parent.iterdir():
        left.unlink()
    path.parent.rmdir()


if __name__ == "__main__":
    sys.exit(main())
