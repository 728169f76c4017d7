"""Memory of searches beside the estimate printed beforehand.

    python benchmarks/memory.py [HEIGHT×WIDTH …] [--most GB]

GAS and FasterSeg's supernets at batch 1: mixed (all candidates, FasterSeg's widths sampled), checkpointed,
and one path. Each case is a process of its own: it predicts the memory of its steps, runs some, and reports
its peak. The prediction is what the process has before, and the tensors that a step needs by their sizes;
cases that need more than GB (9) are predicted only. Figures are saved in results/memory.json.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import RESULTS, SPECS, one_thread, save

one_thread()

SIZES = ("64×128", "128×256", "256×512", "512×1024")
SPACES = {"gas": "GAS", "fasterseg": "FasterSeg"}
KINDS = ("mixed", "checkpointed", "one path")
SEARCH = """arch 1

import {space} from "./{name}.arch"

search Memory for {space} {{
  strategy = differentiable(sampler = {sampler}, epochs = 1)
  {samplers}
  data = synthetic(images = 4, batch = 1, size = [{height}, {width}], crop = [{height}, {width}])
  minimize cross_entropy
}}
"""
STEPS = 3


def one(name: str, kind: str, size: str, most: float) -> None:
    """Predicts and measures one case in this process, and prints both as JSON."""
    import torch

    import archdsl
    from archdsl.runs.reporter import Reporter
    from archdsl.search.differentiable.calibration import estimated, resident
    from archdsl.search.differentiable.footprint import footprint
    from archdsl.search.options import SearchOptions
    from archdsl.search.run import prepared

    torch.set_num_threads(1)
    height, width = map(int, size.split("×"))
    sampler = "one_path" if kind == "one path" else "softmax"
    widths = "architecture { widths = hard }" if name == "fasterseg" and kind != "one path" else ""
    text = SEARCH.format(
        space=SPACES[name], name=name, sampler=sampler, samplers=widths,
        height=height, width=width,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        options = SearchOptions(folder=Path(folder) / "run", checkpoint=kind == "checkpointed")
        with prepared(archdsl.load(SPECS / "memory.arch", text=text), options, Reporter()) as search:
            need = footprint(search)
            predicted = resident() + need.optimizers + need.step
            found = {"weights": need.weights, "step": need.step, "predicted": predicted}
            # A long search has momentum of all weights, which some steps on single paths do not reach.
            by = search.trainer.by_weights
            for parameter in search.net.parameters():
                by.state[parameter]["momentum_buffer"] = torch.full_like(parameter, 0.0)
            found["estimated"] = estimated(search, need, optimizers=False)
            if predicted < most * 1e9:
                batch = search.batches.batch(0)
                for step in range(STEPS):
                    search.trainer.rehearse(step, 0, batch, search.held.batch)
                found["peak"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(found))


def main(sizes: list[str], most: float) -> None:
    path = RESULTS / "memory.json"
    figures = json.loads(path.read_text("utf-8")) if path.exists() else {}
    figures.pop("machine", None)
    for size in sizes:
        for name in SPACES:
            for kind in KINDS:
                case = [sys.executable, __file__, "--case", name, kind, size, "--most", str(most)]
                done = subprocess.run(case, capture_output=True, text=True, check=False)
                if done.returncode:
                    print(f"{name} {kind} {size}: {done.stderr.splitlines()[-1:]}", flush=True)
                    continue
                found = json.loads(done.stdout.splitlines()[-1])
                peak = found.get("peak")
                shown = f"peak {peak / 1e9:.2f} GB, {found['predicted'] / peak:.3f}" if peak else "not run"
                predicted = f"{found['predicted'] / 1e9:.2f} GB"
                print(f"{name:10}{kind:13}{size:10}predicted {predicted}, {shown}", flush=True)
                figures.setdefault(name, {}).setdefault(kind, {})[size] = found
                save("memory", figures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", default=list(SIZES))
    parser.add_argument("--most", type=float, default=9.0)
    parser.add_argument("--case", nargs=3)
    given = parser.parse_args()
    if given.case:
        one(*given.case, given.most)
    else:
        main(given.sizes, given.most)
