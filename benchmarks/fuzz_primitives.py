"""Random applications of every primitive: do its rules say what PyTorch and onnxruntime compute?

    python benchmarks/fuzz_primitives.py [NAME …] [--cases N] [--minutes M] [--fresh]

Cases are those of `tests/ops/primitive_cases.py`, by seed: settings drawn from what a primitive declares, odd
sizes, one to several inputs. Of each case it compares: `check`; the shape, at the declared and at another
size; parameters and multiply-accumulates with the module and torch's counter; which rows are read, by
changing them; onnxruntime; zeros and identities; the text of the graph, of the network, and its formatting.

It goes on where it was stopped: counts and differences of each primitive are in
`results/fuzz_primitives.json`. Primitives take turns.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "ops"))

from primitive_cases import differences, drawn  # noqa: E402

from archdsl import atomic, ops  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "fuzz_primitives.json"
TURN, MOST_KEPT = 50, 20


def turn(op: str, state: dict[str, Any], cases: int, until: float) -> None:
    """Some cases of a primitive."""
    for case in range(state["cases"], min(cases, state["cases"] + TURN)):
        if time.monotonic() > until:
            return
        made, refused = drawn(op, random.Random(f"{op}:{case}"))
        try:
            found = list(differences(made, case))
        except Exception as error:  # what is not expected is what is looked for
            found = [f"{type(error).__name__}: {error}"]
        state["cases"] = case + 1
        state["refused"] += refused
        for what in found:
            state["differences"] += 1
            print(f"{op} {case}: {what}", file=sys.stderr, flush=True)
            if len(state["found"]) < MOST_KEPT:
                state["found"].append({"case": case, "what": what[:400], "text": made.text})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="primitives (default: all)")
    parser.add_argument("--cases", type=int, default=10_000, help="of each primitive")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--fresh", action="store_true", help="begin anew")
    given = parser.parse_args()
    names = given.names or list(ops.primitives())
    states: dict[str, Any] = {}
    if RESULT.exists() and not given.fresh:
        states = json.loads(RESULT.read_text("utf-8"))
    until = time.monotonic() + 60 * given.minutes
    for name in names:
        states.setdefault(name, {"cases": 0, "refused": 0, "differences": 0, "found": []})
    while time.monotonic() < until and any(states[name]["cases"] < given.cases for name in names):
        for name in names:
            turn(name, states[name], given.cases, until)
        atomic.write_text(RESULT, json.dumps(states, indent=1) + "\n")
    for name in names:
        print(f"{name}: {states[name]['cases']} cases, {states[name]['differences']} differences")
    sys.exit(1 if any(states[name]["differences"] for name in names) else 0)


if __name__ == "__main__":
    main()
