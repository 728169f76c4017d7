"""One search, and one training, in memory: what the sweeps over settings and seeds have in common."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import archdsl
from archdsl.backends.supernet import build
from archdsl.data.dataset import Splits
from archdsl.data.opening import open_data
from archdsl.runs.processes import Processes
from archdsl.search.differentiable.driver import Search
from archdsl.search.differentiable.learner import Learner
from archdsl.search.differentiable.members import CoSearchMember
from archdsl.search.differentiable.objective import ObjectiveFunction
from archdsl.search.folder import SearchFolder
from archdsl.search.reading import read_config
from archdsl.search.result import Result
from archdsl.train.folder import RunFolder
from archdsl.train.loop import Training
from archdsl.train.recipe import Recipe

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Searched:
    """What was found, the last record of the journal, and the costs of the mean network at the end."""

    found: Result
    end: Mapping[str, Any]
    mean: Mapping[str, float]
    gates: list[int]


def search(
    spec: str, size: tuple[int, int], settings: Mapping[str, Any], seed: int, images: int = 64,
    instead: tuple[str, str] = ("", ""), **given: Any,
) -> Searched:  # fmt: skip
    """Searches `specs/SPEC.arch` on generated scenes of `size`; `given` are settings of its space and search.

    `instead` is what in the text is put otherwise.
    """
    path = ROOT / "specs" / f"{spec}.arch"
    text = path.read_text("utf-8")
    assert instead[0] in text
    program = archdsl.load(path, text=text.replace(*instead) if instead[0] else text)
    _, own = program.search_settings()
    of_search = {key: value for key, value in given.items() if key in own}
    space = program.space(image=(3, *size), classes=11, **{k: given[k] for k in given.keys() - own})
    plan = read_config(program.search(**of_search), {"data": "synthetic", **settings})
    alone = Processes(0, 1, torch.device("cpu"))
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        objective, net = ObjectiveFunction(plan, space), build(space.graph, fuse=True)
        member = CoSearchMember("", plan, space, net, objective, Learner(plan, space, seed, alone.device))
        run = Search(plan, [member], net, scenes(size, images), SearchFolder(Path(folder)), alone, seed)
        found = run.run(lambda _now: None)
        with torch.no_grad():
            mean = objective.named(objective.cost_values(run.architecture.probabilities()))
        end = json.loads((Path(folder) / "journal.jsonl").read_text("utf-8").splitlines()[-1])
    return Searched(found, end, mean, [run.depths[path][found.outcomes[path]] for path in run.depths])


def train(network: archdsl.Network, size: tuple[int, int], recipe: Recipe, images: int = 64) -> float:
    """Trains a network from nothing on the same scenes; the last mIoU on the validation part."""
    torch.manual_seed(recipe.seed)
    with tempfile.TemporaryDirectory() as folder:
        run = Training(
            network.module(), scenes(size, images), recipe, RunFolder(Path(folder)),
            Processes(0, 1, torch.device("cpu")), {},
        )  # fmt: skip
        run.run(lambda _now: None)
        records = [json.loads(line) for line in (Path(folder) / "journal.jsonl").read_text().splitlines()]
    return float([r["miou"] for r in records if "miou" in r][-1])


def scenes(size: tuple[int, int], images: int) -> Splits:
    return open_data("synthetic", {"size": size, "images": images})
