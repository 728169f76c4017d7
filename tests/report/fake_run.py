"""Folders of searches that never ran: what a search in the manner of AutoRTNet would write down."""

from __future__ import annotations

import io
import json
from math import exp
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image, ImageDraw

from archdsl.report.pictures import OutputPictures, Prediction

OPS = ["zero", "skip", "pool", "conv1", "conv2", "sep1", "sep2", "dil2", "dil4", "dil2_twice"]
MERGES = ["point", "conv", "dil2", "dil4", "dil8"]
LEGEND = (("road", (128, 64, 128)), ("sky", (70, 130, 180)), ("car", (0, 0, 142)))
CELLS, SETTLED = (5, 10, 10), (2, 4, 6)


def decisions() -> dict[str, list[str]]:
    """Of the space AutoRTNet: ops of cells, depths, merges."""
    found: dict[str, list[str]] = {}
    for k, cells in enumerate(CELLS, 1):
        for cell in ("Reduce", "Normal"):
            found |= {f"hyper[{k}].{cell}.{edge}": OPS for edge in ("pm", "qm", "pn", "qn", "mn")}
        found[f"hyper[{k}].gate"] = [str(n) for n in range(1, cells + 1)]
    edges = ("h1_g", "h2_g", "g_f1", "h3_f1", "h2_f2", "h3_f2", "h3_f3")
    return found | {f"merged.{edge}": MERGES for edge in edges}


def write_run(folder: Path, *, epochs: int = 30, steps: int = 20, ended: bool = True, seed: int = 1,
              renamed: str = "") -> Path:  # fmt: skip
    """A run in a folder; `renamed` is put into all names that a spec or a user may choose."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(manifest(seed, renamed)), "utf-8")
    lines = [json.dumps(record) + "\n" for record in records(epochs, steps, ended, Random(seed), renamed)]
    (folder / "journal.jsonl").write_text("".join(lines), "utf-8")
    return folder


def manifest(seed: int, renamed: str) -> dict[str, Any]:
    spec = "arch 1\n\nspace AutoRTNet(; classes = 11) {\n  input image: [3, 96, 192]\n}\n"
    return {
        "format": "archdsl/search-run", "version": 1, "spec": spec + renamed, "space": "AutoRTNet" + renamed,
        "search": "Paper" + renamed, "seed": seed, "device": "cpu" + renamed,
        "command": ["archdsl", "search", "autortnet.arch", "--seed", str(seed), "--out", "a b" + renamed],
        "versions": {"python": "3.11.9", "archdsl": "0.1.0", "torch": "2.7.0" + renamed},
        "data": {"name": "synthetic" + renamed, "training images": 480, "fingerprint": "5f1c" + 15 * "09ab"},
        "settings": {"epochs": 30, "gates_from": 10, "sampler": {"name": "gumbel"}, "note": renamed},
    }  # fmt: skip


def records(epochs: int, steps: int, ended: bool, random: Random, renamed: str) -> list[dict[str, Any]]:
    chosen_from = {path + renamed: [o + renamed for o in os] if "gate" not in path else os
                   for path, os in decisions().items()}  # fmt: skip
    gates = [path for path in chosen_from if path.startswith("hyper") and ".gate" in path]
    drift = {path: [random.gauss(0, 1) for _ in outcomes] for path, outcomes in chosen_from.items()}
    found: list[dict[str, Any]] = [{"kind": "start", "decisions": chosen_from, "gates": gates, "cells": None}]
    last: dict[str, Any] = {}
    for epoch in range(epochs):
        found += [_step(epoch * steps + n + 1, epoch, epochs * steps, random) for n in range(steps)]
        last = _epoch(epoch, epochs, steps, drift, chosen_from, gates, random)
        found.append(last)
    if ended:
        network = {"params": 2_441_816, "macs": 24_300_000_000, "layers": 311, "latency_ms": 9.12}
        found.append({"kind": "recalibrated", "batches": 8})
        found.append(
            {
                "kind": "end",
                "miou": 0.684,
                "chosen": last["chosen"],
                "network": network,
                "seconds": 1743.2,
                "how": "the most probable outcome of each decision",
                "unmet": ["params <= 2M" + renamed],
            }
        )
    return found


def _step(step: int, epoch: int, steps: int, random: Random) -> dict[str, Any]:
    task = 0.62 + 1.8 * exp(-4 * step / steps) + random.gauss(0, 0.06)
    return {"kind": "step", "step": step, "epoch": epoch, "loss": task + 0.23, "task": task,
            "costs": {"macs": 1.2e7}, "lr": 0.05 * (1 - step / steps), "tau": 3.0}  # fmt: skip


def _epoch(epoch: int, epochs: int, steps: int, drift: dict[str, list[float]], outcomes: dict[str, list[str]],
           gates: list[str], random: Random) -> dict[str, Any]:  # fmt: skip
    share = (epoch + 1) / epochs
    chances = {path: _softmax([4.5 * share * d for d in ds]) for path, ds in drift.items()}
    for gate, settled in zip(gates, SETTLED, strict=True):
        cells = len(outcomes[gate])
        centre = settled + (0.8 * cells - settled) * max(0.0, 1 - 1.6 * share) + random.gauss(0, 0.1)
        chances[gate] = _softmax([-(0.2 + 2.5 * share) * abs(n - centre) for n in range(1, cells + 1)])
    best = {path: max(range(len(p)), key=p.__getitem__) for path, p in chances.items()}
    chosen = {path: outcomes[path][n] for path, n in best.items()}
    depth = sum(best[gate] + 1 for gate in gates)
    macs = 1.1e10 + 1.1e9 * depth + random.gauss(0, 4e8)
    return {
        "kind": "epoch", "epoch": epoch, "step": (epoch + 1) * steps, "loss": 0.87 + 1.8 * exp(-4 * share),
        "miou": 0.69 * (1 - exp(-3.2 * share)) + random.gauss(0, 0.012), "tau": 3.0 - 2.97 * share,
        "probabilities": chances, "chosen": chosen,
        "expected": {"macs": 3.6e10 - 1.1e10 * share, "latency_ms": 15 - 5.6 * share + random.gauss(0, 0.15)},
        "found": {"params": int(2e5 * depth), "macs": int(macs), "latency_ms": 0.5 * depth + 3,
                  "gates": {gate: best[gate] + 1 for gate in gates}},
        "seconds": 58.1,
    }  # fmt: skip


def _softmax(logits: list[float]) -> list[float]:
    weights = [exp(x) for x in logits]
    return [w / sum(weights) for w in weights]


def predictions(count: int = 2, renamed: str = "") -> list[Prediction]:
    return [
        (f"street {n}{renamed}", _street(n, 40), [OutputPictures(_street(n, 0), _street(n, 0, 7))])
        for n in range(count)
    ]


def _street(seed: int, noise: int, shift: int = 0) -> bytes:
    """A road, a sky and a car, as PNG."""
    random = Random(seed)
    picture = Image.new("RGB", (192, 96), LEGEND[1][1])
    draw = ImageDraw.Draw(picture)
    draw.polygon([(0, 95), (80 + shift, 44), (112 - shift, 44), (191, 95)], fill=LEGEND[0][1])
    at = random.randrange(50, 110)
    draw.rectangle((at, 52 + shift, at + 30, 74), fill=LEGEND[2][1])
    if noise:
        picture = picture.point(lambda v: max(0, min(255, v + random.randrange(-noise, noise))))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def write_training(
    folder: Path, *, epochs: int = 12, steps: int = 30, seed: int = 1, renamed: str = ""
) -> Path:
    """A training in a folder, in the same manner."""
    folder.mkdir(parents=True, exist_ok=True)
    random, made = Random(seed), manifest(seed, renamed)
    made |= {"name": "Found" + renamed, "format": "archdsl/train-run"}
    made["data"]["classes"] = [name + renamed for name, _ in LEGEND]
    (folder / "manifest.json").write_text(json.dumps(made), "utf-8")
    lines = []
    for step in range(1, epochs * steps + 1):
        epoch = (step - 1) // steps + 1
        lines.append({**_step(step, epoch, epochs * steps, random), "task": None, "tau": None})
        if step % steps == 0:
            miou = 0.7 * (1 - exp(-3 * epoch / epochs))
            iou = [miou + 0.2, miou, None]
            lines.append({"kind": "evaluation", "step": step, "epoch": epoch, "miou": miou, "iou": iou,
                          "accuracy": 0.9})  # fmt: skip
    (folder / "journal.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return folder
