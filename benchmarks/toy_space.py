"""A space of which every network is trained, and the ranks of the networks that searches find in it.

    python benchmarks/toy_space.py [JOB …] [--out out/toy_space]

`toy_space.arch` on generated scenes.  Jobs: `networks`, every one trained with small batches; `best-0` (seed
of the weights), the best by that trained again, with the batches of the search; `search-10` (seed of the
search); `report`.  Without any, all of them.  What is done is skipped, so that an interrupted run goes
on.  A network's score is the search's objective with the validation images' cross-entropy; the best rank by
the mean of their second trainings, before all others.  Networks that are equal without their dead parts are
trained once.  `report` prints ranks, beside those of the best of as many random networks as could be trained
in a search's CPU time, and writes results/toy_space.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import re
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from measure import one_thread, save

one_thread()

import torch  # noqa: E402
from torch import nn  # noqa: E402

import archdsl  # noqa: E402
from archdsl.backends.supernet import build  # noqa: E402
from archdsl.data.augmentation import Augmentation  # noqa: E402
from archdsl.data.batches import Batch, Batches, whole  # noqa: E402
from archdsl.data.opening import open_data  # noqa: E402
from archdsl.passes.costs.cost import costs, total  # noqa: E402
from archdsl.runs.journal import Journal  # noqa: E402
from archdsl.runs.processes import Processes  # noqa: E402
from archdsl.search.differentiable.driver import Search  # noqa: E402
from archdsl.search.differentiable.learner import Learner  # noqa: E402
from archdsl.search.differentiable.members import CoSearchMember  # noqa: E402
from archdsl.search.differentiable.objective import ObjectiveFunction  # noqa: E402
from archdsl.search.folder import SearchFolder  # noqa: E402
from archdsl.search.reading import read_config  # noqa: E402
from archdsl.train.losses import cross_entropy  # noqa: E402
from archdsl.train.metrics import Confusion  # noqa: E402
from archdsl.train.schedules import schedule  # noqa: E402
from archdsl.train.weights import network_text  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
SPEC = Path(__file__).parent / "toy_space.arch"
STEPS, LR, DECAY = 120, 0.2, 5e-4
"""Of one network's training: SGD with momentum 0.9, along a cosine to zero, all on the same batches."""
FIRST_BATCH = 4
"""Images in a batch when every network is trained."""
SEEDS = (0, 1)
"""Of weights, when the best are trained again."""
BEST = 128
"""How many are the best."""
SEARCHES = tuple(range(10, 20))
"""Seeds of searches; others than those of trainings, since a search that refines trains networks as well."""
_DEFINED = re.compile(r"^  (\w+) = ", re.MULTILINE)

Outcomes = tuple[int, ...]


class Toy:
    """The space, the search of its file, and its images."""

    def __init__(self) -> None:
        program = archdsl.load(SPEC)
        self.space = program.space()
        self.plan = read_config(program.search())
        self.objective = ObjectiveFunction(self.plan, self.space)
        self.splits = open_data("synthetic", self.plan.data_settings)
        self.size = tuple(next(iter(self.space.graph.inputs.values()))[1:])

    def bound(self, outcomes: Outcomes) -> archdsl.Network:
        decisions = self.space.decisions.items()
        return self.space.bind({p: d.outcomes[o] for (p, d), o in zip(decisions, outcomes, strict=True)})

    @cached_property
    def numbers(self) -> dict[Outcomes, int]:
        """The number of the network that outcomes make; equal networks have one."""
        seen: dict[str, int] = {}
        every = itertools.product(*(range(d.size) for d in self.space.decisions.values()))
        return {o: seen.setdefault(without_names(self.bound(o)), len(seen)) for o in every}

    @cached_property
    def networks(self) -> list[Outcomes]:
        """By number, the first outcomes that make a network."""
        first = {number: outcomes for outcomes, number in reversed(self.numbers.items())}
        return [first[number] for number in range(len(first))]

    def said(self, number: int) -> str:
        decisions = self.space.decisions.values()
        return " ".join(d.outcomes[o] for d, o in zip(decisions, self.networks[number], strict=True))

    def macs(self, number: int) -> int:
        return total(costs(self.bound(self.networks[number]).graph).values()).macs

    @cache  # noqa: B019  # one of these lives as long as the process
    def batches(self, size: int) -> list[Batch]:
        height, width = self.size
        batches = Batches(self.splits.train, size, Augmentation((height, width), (0.75, 1.5)), seed=0)
        return [batches.batch(step) for step in range(STEPS)]

    @cached_property
    def held(self) -> Batch:
        """All validation images."""
        every = [whole(self.splits.val, i) for i in range(len(self.splits.val))]
        return Batch(
            *(torch.cat(parts) for parts in zip(*((b.images_B3HW, b.masks_BHW) for b in every), strict=True))
        )

    def score(self, number: int, cross_entropy: float) -> float:
        """The objective of the search."""
        outcomes = dict(zip(self.space.decisions, self.networks[number], strict=True))
        costs = self.objective.costs_of(outcomes)
        return float(self.objective.value({"cross_entropy": torch.tensor(cross_entropy)}, costs))


def without_names(network: archdsl.Network) -> str:
    """What a network computes: its text with numbers for names, which say by which choice a layer came."""
    text = network_text(network)
    number = {name: f"_{n}" for n, name in enumerate(_DEFINED.findall(text))}
    numbered = re.sub(r"\w+", lambda word: number.get(word[0], word[0]), text)
    return re.sub(r"\s", "", numbered).replace(",)", ")")


def trained(toy: Toy, number: int, seed: int, batch_size: int) -> dict[str, float]:
    """One network, trained from nothing and scored on the validation images."""
    began = time.process_time()
    torch.manual_seed(seed)
    module = toy.bound(toy.networks[number]).module().train()
    optimiser = torch.optim.SGD(module.parameters(), LR, 0.9, weight_decay=DECAY, foreach=True)
    rate = schedule("cosine", LR, 0.0)
    for step, batch in enumerate(toy.batches(batch_size)):
        optimiser.param_groups[0]["lr"] = rate(step / STEPS)
        loss = cross_entropy(module(batch.images_B3HW), batch.masks_BHW)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), toy.plan.clip, foreach=True)
        optimiser.step()
    with torch.inference_mode():
        logits_BKHW = module.eval()(toy.held.images_B3HW)
    confusion = Confusion(len(toy.splits.val.classes))
    confusion.add(logits_BKHW.argmax(1), toy.held.masks_BHW)
    return {
        "number": number,
        "outcomes": list(toy.networks[number]),
        "cross_entropy": round(float(cross_entropy(logits_BKHW, toy.held.masks_BHW)), 5),
        "miou": round(confusion.mean_iou(), 4),
        "cpu_s": round(time.process_time() - began, 3),
    }


class Results:
    """What was trained and searched, in a folder of append-only files."""

    def __init__(self, toy: Toy, folder: Path):
        self.toy, self.folder = toy, folder

    @property
    def every(self) -> Journal:
        return Journal(self.folder / "networks.jsonl")

    def again(self, seed: int) -> Journal:
        return Journal(self.folder / f"best-{seed}.jsonl")

    @property
    def searches(self) -> Journal:
        return Journal(self.folder / "searches.jsonl")

    @cached_property
    def first(self) -> list[float]:
        """The scores of all networks by their first training."""
        found = {r["number"]: self.toy.score(r["number"], r["cross_entropy"]) for r in self.every.records()}
        return [found[number] for number in range(len(self.toy.networks))]

    @cached_property
    def best(self) -> list[int]:
        return sorted(range(len(self.first)), key=self.first.__getitem__)[:BEST]

    def train_all(self) -> None:
        self._train(self.every, range(len(self.toy.networks)), 0, FIRST_BATCH)

    def train_best(self, seed: int) -> None:
        self._train(self.again(seed), self.best, seed, self.toy.plan.batch)

    def _train(self, journal: Journal, numbers: Sequence[int], seed: int, batch_size: int) -> None:
        done = {record["number"] for record in journal.records()}
        for number in numbers:
            if number not in done:
                journal.write(trained(self.toy, number, seed, batch_size))

    def search(self, seed: int) -> None:
        if seed not in {record["seed"] for record in self.searches.records()}:
            self.searches.write(searched(self.toy, seed))


def searched(toy: Toy, seed: int) -> dict[str, Any]:
    """One search: the numbers of the network found, and of the likeliest ones after each epoch."""
    began = time.process_time()
    torch.manual_seed(seed)
    net = build(toy.space.graph, fuse=True)
    alone = Processes(0, 1, torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        learner = Learner(toy.plan, toy.space, seed, alone.device)
        member = CoSearchMember("", toy.plan, toy.space, net, toy.objective, learner)
        search = Search(toy.plan, [member], net, toy.splits, SearchFolder(Path(folder)), alone, seed)
        found: list[dict[str, int]] = []
        last = search.run(lambda now: found.append(dict(now.found.outcomes)) if now.found else None)
        chances = {path: [round(p, 3) for p in row.tolist()] for path, row in search.chances().items()}
    *numbers, number = (
        toy.numbers[tuple(outcomes[path] for path in toy.space.decisions)]
        for outcomes in (*found, last.outcomes)
    )
    cpu_s = round(time.process_time() - began, 1)
    return {
        "seed": seed,
        "number": number,
        "likeliest": numbers[-1],
        "cpu_s": cpu_s,
        "by_epoch": numbers,
        "chances": chances,
    }


def report(results: Results) -> None:
    toy = results.toy
    again = {
        seed: {r["number"]: toy.score(r["number"], r["cross_entropy"]) for r in results.again(seed).records()}
        for seed in SEEDS
    }
    scores = {n: statistics.mean(again[seed][n] for seed in SEEDS) for n in results.best}
    order = sorted(scores, key=scores.__getitem__)
    order += sorted(set(range(len(results.first))) - set(order), key=results.first.__getitem__)
    ranks = {number: 1 + place for place, number in enumerate(order)}
    searches = results.searches.records()
    print(
        f"{'seed':>4}  {'likeliest':>9}  {'rank':>5}  {'above best':>10}  {'MACs':>8}  {'CPU s':>6}  network"
    )
    for one in searches:
        n = one["number"]
        above = f"{scores[n] - scores[order[0]]:.4f}" if n in scores else "–"
        print(f"{one['seed']:>4}  {ranks[one['likeliest']]:>9}  {ranks[n]:>5}  {above:>10}  {toy.macs(n):>8,}"
              f"  {one['cpu_s']:>6.1f}  {toy.said(n)}")  # fmt: skip
    trained_s = statistics.mean(r["cpu_s"] for r in results.again(SEEDS[0]).records())
    tries = round(statistics.mean(one["cpu_s"] for one in searches) / trained_s)
    figures = {
        "ranks of the likeliest networks": [ranks[one["likeliest"]] for one in searches],
        **of_ranks([ranks[one["number"]] for one in searches], len(ranks), tries),
        **of_noise([again[seed] for seed in SEEDS], scores),
        "combinations of outcomes": toy.space.size,
        "CPU seconds of a training": round(trained_s, 2),
    }
    for name, value in figures.items():
        print(f"{name}: {value}")
    rows = [
        " ".join([str(ranks[n]), toy.said(n), f"{toy.macs(n)}", f"{results.first[n]:.5f}",
                  *(f"{again[seed][n]:.5f}" for seed in SEEDS if n in scores)])
        for n in order
    ]  # fmt: skip
    raw = {"searches": [json.dumps(one) for one in searches], "decisions": list(toy.space.decisions)}
    save("toy_space", {**figures, **raw, "rank, outcomes, MACs, scores": rows})


def of_ranks(ranks: Sequence[int], networks: int, tries: int) -> dict[str, Any]:
    """The ranks of searches, and those of the best of random networks in the time of a search."""
    top = networks // 100
    missed = math.comb(networks - top, tries) / math.comb(networks, tries)
    return {
        "networks": networks,
        "in the best 1 %": top,
        "searches that are": sum(rank <= top for rank in ranks),
        "median rank": statistics.median(ranks),
        "random networks in a search's time": tries,
        "expected rank of their best": round((networks + 1) / (tries + 1), 1),
        "chance that it is in the best 1 %": round(1 - missed, 3),
    }


def of_noise(again: Sequence[Mapping[int, float]], scores: Mapping[int, float]) -> dict[str, Any]:
    """How far the ranks of the best can be trusted."""
    noise = math.sqrt(statistics.mean(statistics.variance([a[n] for a in again]) for n in scores))
    unsure = noise * math.sqrt(2 / len(again))
    top = min(scores.values())
    best = [min(scores, key=a.__getitem__) for a in again]
    return {
        "deviation of scores between the best networks": round(statistics.stdev(scores.values()), 4),
        "deviation of one training between seeds": round(noise, 4),
        "networks that are no further from the best than that of a difference": sum(
            score - top <= unsure for score in scores.values()
        ),
        "rank of the first seed's best by the other, and the reverse": [
            1 + sum(other[m] < other[n] for m in scores)
            for n, other in zip(best, reversed(again), strict=True)
        ],
    }


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    every = ["networks", *(f"best-{n}" for n in SEEDS), *(f"search-{n}" for n in SEARCHES), "report"]
    parser.add_argument("jobs", nargs="*", metavar="JOB", default=every)
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "toy_space")
    given = parser.parse_args()
    results = Results(Toy(), given.out)
    for job in given.jobs:
        kind, _, seed = job.partition("-")
        if kind == "networks":
            results.train_all()
        elif kind == "best":
            results.train_best(int(seed))
        elif kind == "search":
            results.search(int(seed))
        else:
            report(results)


if __name__ == "__main__":
    main()
