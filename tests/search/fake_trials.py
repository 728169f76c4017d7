"""Journals of searches by trials that never ran."""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import log
from pathlib import Path
from random import Random
from typing import Any

DECISIONS = {f"body[{n}].op": ["skip", "conv3", "conv5", "sep3", "pool"] for n in range(1, 9)} | {
    "width": ["8", "16", "32", "64"]
}
GOALS = (("maximize", "miou"), ("minimize", "macs"))
KINDS = ("exception", "memory", "nan", "lost")


def records(
    count: int, goals: Sequence[tuple[str, str]] = GOALS, seed: int = 0, *, failing: float = 0.05,
    ended: bool = True,
) -> list[dict[str, Any]]:  # fmt: skip
    """A start, trials that get better as they go, and an end."""
    rng = Random(seed)
    texts = [{"direction": direction, "text": text} for direction, text in goals]
    found = [{"kind": "start", "decisions": DECISIONS, "goals": texts, "scores": ["miou"]}]
    found += [_trial(n, count, goals, rng, failing) for n in range(1, count + 1)]
    return [*found, {"kind": "end", "chosen": {}, "network": {}, "how": ""}] if ended else found


def _trial(
    n: int, count: int, goals: Sequence[tuple[str, str]], rng: Random, failing: float
) -> dict[str, Any]:
    drift = n / count
    outcomes = [
        min(len(texts) - 1, int(len(texts) * rng.random() ** (1 - 0.5 * drift)))
        for texts in DECISIONS.values()
    ]
    width = 8 * 2 ** outcomes[-1]
    macs = 1e5 * width * (1 + sum(outcomes[:-1])) + 1e6
    miou = 0.08 * log(width * (1 + outcomes[0])) + 0.02 * sum(outcomes[1:4]) + 0.1 * drift
    known = {"miou": max(0.01, miou + rng.gauss(0, 0.03)), "macs": macs, "params": macs / 64}
    known["latency"] = 0.5 + macs / 3e6 * (1 + 0.3 * rng.random())
    made = {
        "kind": "tried", "number": n, "proposal": n, "outcomes": outcomes, "state": "scored",
        "values": [known[text] for _, text in goals], "scores": {"miou": known["miou"]},
        "costs": {"params": int(macs / 64), "macs": int(macs)}, "seconds": 2.0 + rng.random(), "worker": "w1",
    }  # fmt: skip
    if rng.random() < failing:
        kind = rng.choice(KINDS)
        made |= {
            "state": "failed",
            "values": [None] * len(goals),
            "scores": {},
            "failure": {"kind": kind, "reason": f"{kind} in layer {rng.randrange(9)}"},
        }
    return made


def write(path: Path, found: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in found), "utf-8")
    return path


def write_run(folder: Path, found: Sequence[dict[str, Any]], seed: int = 0) -> Path:
    """The journal and the manifest of a run."""
    from archdsl.runs.manifest import manifest

    write(folder / "journal.jsonl", found)
    strategy = {"name": "evolution", "settings": {"population": 20}, "args": []}
    settings = {"space": "S", "strategy": strategy, "evaluate": {"name": "training"}, "trials": 200}
    manifest(
        "search", name="Q", spec="arch 1\n", spec_sha256="0" * 64, data={"name": "synthetic"},
        settings=settings, seed=seed, device="cpu", command=["archdsl", "search", "a.arch"],
    ).write(folder / "manifest.json")  # fmt: skip
    return folder
