"""Table 5 of AutoRTNet: where twelve cells reduce the resolution, and what that costs by each measure.

    python benchmarks/reduction_positions.py [--out benchmarks/results]

The paper has 125, 106, 90 and 76 frames per second for (1, 2, 4), (1, 3, 7), (1, 5, 10) and (3, 5, 8).
MACs order the first three the other way round.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import archdsl
from archdsl import atomic
from archdsl.devices.build import conditions_of
from archdsl.devices.calibrate import spearman
from archdsl.devices.measure import Timer, passive_waiting
from archdsl.devices.rounds import TimingPlan
from archdsl.devices.validate import measure
from archdsl.passes.costs.cost import costs, total
from archdsl.passes.costs.memory import traffic

SPEC = Path(__file__).with_name("twelve_cells.arch")
PUBLISHED_FPS = {(1, 2, 4): 125.0, (1, 3, 7): 106.0, (1, 5, 10): 90.2, (3, 5, 8): 75.7}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    out: Path = parser.parse_args().out
    passive_waiting()
    timers = [Timer("onnxruntime"), Timer("eager")]
    program = archdsl.load(SPEC)
    rows = []
    for positions, fps in PUBLISHED_FPS.items():
        network = program.network(**dict(zip(("r1", "r2", "r3"), positions, strict=True)))
        cost = total(costs(network.graph).values())
        row = {"positions": positions, "published_ms": 1000 / fps, "params": cost.params, "macs": cost.macs}
        row["traffic_bytes"] = sum(map(sum, traffic(network.graph).values()))
        for timer in timers:
            plan = TimingPlan(rounds=5, seconds=0.5, least=3)
            row[f"{timer.backend}_ms"] = measure(network, timer, plan).ms
        rows.append(row)
        print(row, flush=True)
    names = [name for name in rows[0] if name not in ("positions", "published_ms")]
    published = [row["published_ms"] for row in rows]
    ranks = {name: spearman([row[name] for row in rows], published) for name in names}
    print("rank correlation with the published times:", ranks)
    data = {"rows": rows, "spearman_with_published": ranks, "conditions": conditions_of(timers[0])}
    atomic.write_text(out / "reduction_positions.json", json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
