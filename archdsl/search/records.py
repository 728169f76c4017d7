"""The journal records of a differentiable search."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from archdsl.ir import Decision
from archdsl.program import Network
from archdsl.search.progress import SearchProgress
from archdsl.search.result import Result

Record = dict[str, Any]


def opening(decisions: Mapping[str, Decision], depths: Mapping[str, Sequence[int]]) -> Record:
    """The first record: all decisions, and the depths (numbers of iterations) of depth decisions."""
    outcomes = {path: list(decision.outcomes) for path, decision in decisions.items()}
    rounds = {path: list(kept) for path, kept in depths.items()}
    return {"kind": "start", "decisions": outcomes, "gates": list(rounds), "rounds": rounds, "cells": None}


def of_step(now: SearchProgress, lr: float, tau: float) -> Record:
    return {
        "kind": "step", "step": now.step, "epoch": now.epoch, "loss": now.loss, "task": now.task,
        "costs": dict(now.costs), "lr": lr, "tau": tau,
    }  # fmt: skip


def of_epoch(
    now: SearchProgress,
    tau: float,
    chances: Mapping[str, torch.Tensor],
    found: Result,
    scores: Mapping[str, Any],
    reported: Mapping[str, Any],
) -> Record:
    """The journal record of an epoch of a differentiable search.

    `chances` are the outcome probabilities by decision; `found` is the network derived from them, `scores`
    its scores as `archdsl.train.recording.recorded` returns them, `reported` its costs and depths.
    """
    return {
        "kind": "epoch", "epoch": now.epoch, "step": now.step, "loss": now.loss, **scores, "tau": tau,
        "probabilities": {path: chance.tolist() for path, chance in chances.items()},
        "chosen": dict(found.network.chosen), "expected": dict(now.costs), "found": dict(reported),
    }  # fmt: skip


def of_tried(found: Result, number: int, objective: float) -> Record:
    """The record of a network of the final training, with its objective (None if not finite)."""
    value = objective if math.isfinite(objective) else None
    return {"kind": "tried", "number": number, "chosen": dict(found.network.chosen), "objective": value}


def of_scratch(role: str, network: Network, epoch: int, step: int, scores: Mapping[str, Any]) -> Record:
    """The record of an epoch of training from scratch; `role` is "found" or "baseline"."""
    return {
        "kind": "scratch", "role": role, "name": network.name, "epoch": epoch, "step": step,
        **scores, "params": network.params, "macs": network.macs,
    }  # fmt: skip


def of_end(
    found: Result, scores: Mapping[str, Any], costs: Mapping[str, float], verdict: Mapping[str, Any]
) -> Record:
    """The final record of a search.

    `scores` are as in `of_epoch`, `verdict` is from `archdsl.search.verdict`.
    """
    network = {**costs, "layers": len(found.network.graph.nodes)}
    ends = [
        {"rows": list(rows), "miou": _number(miou), "latency_ms": ms}
        for rows, (miou, ms) in found.ends.items()
    ]
    return {
        "kind": "end", **scores, "chosen": dict(found.network.chosen), "network": network,
        "how": found.how, "unmet": list(found.unmet), "verdict": dict(verdict),
        **({"ends": ends} if ends else {}),
    }  # fmt: skip


def mean_depths(
    probabilities: Mapping[str, torch.Tensor], depths: Mapping[str, Sequence[int]]
) -> dict[str, float]:
    """The expected depth of each depth decision; `depths` are the numbers of iterations of its outcomes."""
    rows = {path: probabilities[path].detach().cpu() for path in depths}
    return {path: float((row * torch.tensor(depths[path])).sum()) for path, row in rows.items()}


def _number(value: float | None) -> float | None:
    return None if value is None or value != value else value
