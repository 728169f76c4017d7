"""Strategies of searches by trials: how soon they find good networks, and how quickly they propose.

    python benchmarks/strategies.py table     # after: python benchmarks/toy_space.py networks
    python benchmarks/strategies.py quality [--seeds 1000] [--pareto-seeds 100]
    python benchmarks/strategies.py speed
    python benchmarks/strategies.py whole

`table` writes results/toy_table.json: the mIoU and cross-entropy of every network of `toy_space.arch`, from
one training each (`networks` of toy_space.py), with its MACs, and the network of each assignment of the
decisions that arise.  `quality` searches in that table.  One objective: evaluations until one of the best 1 %
by mIoU is found.  Two, mIoU and MACs: the hypervolume after 300 evaluations, each objective scaled to [0, 1]
by the minimum and maximum of the table, the reference point at the worst of both, relative to that of the
whole table.  Networks with equal graphs are evaluated once, for Optuna as well.  `speed` counts proposals a
second on `specs/space.arch`, priced by `costs` and observed; other libraries, where they are installed,
propose assignments of the same decisions, without its requirement, and observe the same kind of value.
`whole` counts those of whole searches there: with the evaluator, the journal on disk and the progress, then
with trials.csv and the report as well; without what a search takes however many trials it has.
The defaults of `evolution`, `nsga2` and `hill_climb` were chosen by this table.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from measure import RESULTS, SPECS, in_turns, machine, median, one_thread, save

one_thread()

import archdsl  # noqa: E402
from archdsl.search.engines.base import Done  # noqa: E402
from archdsl.search.engines.in_process import InProcess  # noqa: E402
from archdsl.search.strategies.base import Outcomes, Proposal, Strategy  # noqa: E402
from archdsl.search.trials.config import read_trials, strategy_of  # noqa: E402
from archdsl.search.trials.criteria import Criteria  # noqa: E402
from archdsl.search.trials.domain import Domain  # noqa: E402
from archdsl.search.trials.loop import Identified, Loop, Trial  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
TABLE = RESULTS / "toy_table.json"
SPEC = Path(__file__).parent / "toy_space.arch"
OURS = ("random", "random(over = networks)", "evolution", "nsga2", "hill_climb", "optuna(sampler = tpe)")
PARETO = ("random", "nsga2", "nsga2(candidates = 1)", "optuna(sampler = nsga2)")
EVALUATIONS = 300
"""Of a search for a Pareto front."""
OPTUNA_SEEDS = 200
"""As it takes a hundred times as long."""
PROPOSALS = 2_000
"""In a round of `speed`."""

Values = tuple[float, ...]


# ------------------------------------------------------------ the table


def write_table(folder: Path) -> None:
    from toy_space import Toy

    toy = Toy()
    lines = (folder / "networks.jsonl").read_text("utf-8").splitlines()
    trained: dict[int, Any] = {}  # by outcomes: numbers depend on which graphs are found to be equal
    for record in map(json.loads, lines):
        trained.setdefault(toy.numbers[tuple(record["outcomes"])], record)
    space = archdsl.load(SPEC).space()
    domain = Domain.of_graph(space.searched)
    assert domain.paths == tuple(toy.space.decisions)
    named = {domain.canonical(outcomes): number for outcomes, number in toy.numbers.items()}
    rows = [
        f"{trained[n]['miou']} {trained[n]['cross_entropy']} {toy.macs(n)} {trained[n]['cpu_s']}"
        for n in range(len(toy.networks))
    ]
    figures = {
        "decisions": list(domain.paths),
        "mIoU, cross-entropy, MACs, CPU seconds of the training": rows,
        "assignments of the decisions that arise, and their network": [
            f"{' '.join(map(str, outcomes))} {number}" for outcomes, number in sorted(named.items())
        ],
    }
    save("toy_table", figures)


class Table:
    """The networks of the toy space, and what each is worth; the lower the better."""

    def __init__(self) -> None:
        raw = json.loads(TABLE.read_text("utf-8"))
        rows = [row.split() for row in raw["mIoU, cross-entropy, MACs, CPU seconds of the training"]]
        self.worth = [-float(row[0]) for row in rows]
        self.macs = [float(row[2]) for row in rows]
        self.number: dict[Outcomes, int] = {}
        for line in raw["assignments of the decisions that arise, and their network"]:
            *outcomes, number = map(int, line.split())
            self.number[tuple(outcomes)] = number
        self.space = archdsl.load(SPEC).space()
        self.domains = {goals: Domain.of_graph(self.space.searched, goals) for goals in (1, 2)}

    @cached_property
    def bar(self) -> float:
        """What the worst of the best 1 % is worth."""
        return sorted(self.worth)[len(self.worth) // 100 - 1]

    @cached_property
    def points(self) -> list[Values]:
        return list(zip(scaled(self.worth), scaled(self.macs), strict=True))

    @cached_property
    def whole(self) -> float:
        return hypervolume(self.points)


def scaled(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [(value - low) / (high - low) for value in values]


def hypervolume(points: Iterable[Values]) -> float:
    """The area that points dominate, below the reference point (1, 1)."""
    area, lowest = 0.0, 1.0
    for x, y in sorted(points):
        if y < lowest:
            area, lowest = area + (1.0 - x) * (lowest - y), y
    return area


class _Judge:
    """Looks networks up in the table; those with equal graphs are one."""

    def __init__(self, table: Table, values: Sequence[Values]):
        self.table, self.values = table, values
        self.objectives = len(values[0])
        self.domain = table.domains[self.objectives]

    def identify(self, proposal: Proposal) -> Identified:
        outcomes = self.domain.canonical(proposal.outcomes)
        return Identified(outcomes, self.table.number[outcomes])

    def score(self, outcomes: Outcomes, done: Done) -> Any:
        return self.values[self.table.number[outcomes]], "scored"


def searched(
    text: str, table: Table, values: Sequence[Values], seed: int, most: int, enough: float
) -> list[Trial]:
    """The trials of a search in the table, until there are so many or one is good enough."""
    judge, found = _Judge(table, values), list[Trial]()
    engine = InProcess(lambda task: Done(task.number))
    ended = lambda: bool(found) and found[-1].value <= enough  # noqa: E731
    strategy = made(text, judge.domain, seed)
    Loop(strategy, judge, engine, trials=most, observed=found.append, ended=ended).run()
    return found


def made(text: str, domain: Domain, seed: int) -> Strategy:
    goals = "".join(f"  minimize {cost}\n" for cost in ("macs", "params")[: domain.goals])
    search = f"search Q for Toy {{\n  strategy = {text}\n{goals}}}\n"
    spec = SPEC.read_text("utf-8").partition("\nsearch ")[0] + "\n" + search
    program = _PROGRAMS.get(search) or _PROGRAMS.setdefault(search, archdsl.load(SPEC, text=spec))
    return strategy_of(read_trials(program.search()).strategy, domain, seed)


_PROGRAMS: dict[str, archdsl.Program] = {}


def optuna_alone(
    sampler: Any, table: Table, values: Sequence[Values], most: int, enough: float
) -> list[Values]:
    """What Optuna finds by itself: all decisions are categorical, and equal networks are counted once."""
    import optuna

    domain = table.domains[1]
    study = optuna.create_study(sampler=sampler, directions=["minimize"] * len(values[0]))
    seen: dict[int, Values] = {}
    while len(seen) < most:
        trial = study.ask()
        drawn = [
            trial.suggest_categorical(path, range(size))
            for path, size in zip(domain.paths, domain.sizes, strict=True)
        ]
        number = table.number[domain.canonical(tuple(drawn))]
        seen[number] = values[number]
        study.tell(trial, list(values[number]))
        if values[number][0] <= enough:
            break
    return list(seen.values())


def quality(seeds: int, pareto_seeds: int) -> dict[str, Any]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    table, rounds = Table(), {}
    one = [(value,) for value in table.worth]
    samplers = optuna.samplers
    alone: dict[str, Callable[[int], Any]] = {
        "Optuna's TPE": lambda seed: samplers.TPESampler(seed=seed),
        "Optuna's NSGA-II": lambda seed: samplers.NSGAIISampler(seed=seed),
    }
    for text in OURS:
        few = range(seeds if "optuna" not in text else min(seeds, OPTUNA_SEEDS))
        rounds[text] = [len(searched(text, table, one, seed, len(one), table.bar)) for seed in few]
        print(text, statistics.median(rounds[text]), flush=True)
    for name, make in alone.items():
        few = range(min(seeds, OPTUNA_SEEDS))
        rounds[name] = [len(optuna_alone(make(s), table, one, len(one), table.bar)) for s in few]
        print(name, statistics.median(rounds[name]), flush=True)
    two, volumes = table.points, dict[str, list[float]]()
    for text in PARETO:
        found = (
            [t.values for t in searched(text, table, two, seed, EVALUATIONS, -1)]
            for seed in range(pareto_seeds)
        )
        volumes[text] = [round(hypervolume(points) / table.whole, 5) for points in found]
        print(text, statistics.mean(volumes[text]), flush=True)
    name, sampler = "Optuna's NSGA-II", alone["Optuna's NSGA-II"]
    found = (optuna_alone(sampler(seed), table, two, EVALUATIONS, -1) for seed in range(pareto_seeds))
    volumes[name] = [round(hypervolume(points) / table.whole, 5) for points in found]
    print(name, statistics.mean(volumes[name]), flush=True)
    best = {whose: min(statistics.median(r) for n, r in rounds.items() if n.startswith("Optuna") == theirs)
            for whose, theirs in (("ours", False), ("Optuna's", True))}  # fmt: skip
    return {
        "networks": len(one), "in the best 1 %": len(one) // 100, "optuna": optuna.__version__,
        "evaluations until the best 1 %, median": {n: statistics.median(r) for n, r in rounds.items()},
        "evaluations until the best 1 %, mean": {n: round(statistics.mean(r), 1) for n, r in rounds.items()},
        "of networks drawn without repetition, expected": round(math.log(0.5) / math.log(0.99), 1),
        "best of ours / best of Optuna's": round(best["ours"] / best["Optuna's"], 3),
        f"hypervolume after {EVALUATIONS} evaluations, mean": {
            n: round(statistics.mean(v), 4) for n, v in volumes.items()
        },
        "evaluations by seed": {n: " ".join(map(str, r)) for n, r in rounds.items()},
        "hypervolumes by seed": {n: " ".join(map(str, v)) for n, v in volumes.items()},
    }  # fmt: skip


# ------------------------------------------------------------ speed


class Space:
    """`specs/space.arch`, networks priced by their MACs."""

    def __init__(self) -> None:
        text = (SPECS / "space.arch").read_text("utf-8").partition("\nsearch ")[0]
        self.text = text + "\nsearch Q for Small {\n  strategy = STRATEGY\n  minimize macs\n}\n"
        self.space = archdsl.load(SPECS / "space.arch").space()

    def loop(self, text: str) -> tuple[Loop, Domain]:
        from archdsl.devices.objective import Costs

        program = archdsl.load(SPECS / "space.arch", text=self.text.replace("STRATEGY", text))
        config = read_trials(program.search())
        criteria = Criteria(config, self.space, Costs(self.space))
        strategy = strategy_of(config.strategy, criteria.domain, 0)
        engine = InProcess(lambda task: Done(task.number))
        return Loop(strategy, criteria, engine, trials=0), criteria.domain

    def ours(self, text: str) -> Callable[[], object]:
        """So many trials more of one search: proposed, looked at, priced, observed."""
        loop, _ = self.loop(text)

        def run() -> None:
            loop.trials += PROPOSALS
            loop.run()

        return run


def value_of(outcomes: Sequence[int]) -> float:
    """What other libraries observe: quicker to compute than any cost."""
    return float(sum(outcomes))


def others(sizes: Sequence[int], count: int) -> dict[str, Callable[[], object]]:
    """Proposals and observations of other libraries, as far as these are installed."""
    made: dict[str, Callable[[], object]] = {}
    for add in (_optuna, _pyglove, _nni, _neps):
        try:
            made |= add(sizes, count)
        except ImportError as error:
            print(f"left out: {error}")
    return made


def _optuna(sizes: Sequence[int], count: int) -> dict[str, Callable[[], object]]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def run(make: Callable[[], Any]) -> Callable[[], object]:
        def of() -> None:
            study = optuna.create_study(sampler=make())
            for _ in range(count):
                trial = study.ask()
                study.tell(
                    trial,
                    value_of([trial.suggest_categorical(f"d{n}", range(s)) for n, s in enumerate(sizes)]),
                )

        return of

    samplers = optuna.samplers
    return {
        "Optuna's TPE": run(lambda: samplers.TPESampler(seed=0)),
        "Optuna's NSGA-II": run(lambda: samplers.NSGAIISampler(seed=0)),
        "Optuna's random": run(lambda: samplers.RandomSampler(seed=0)),
    }


def _pyglove(sizes: Sequence[int], count: int) -> dict[str, Callable[[], object]]:
    import pyglove as pg

    def of() -> None:
        space = pg.Dict({f"d{n}": pg.oneof(list(range(size))) for n, size in enumerate(sizes)})
        algorithm = pg.evolution.regularized_evolution(population_size=16, tournament_size=16, seed=0)
        for example, feedback in pg.sample(space, algorithm, num_examples=count):
            feedback(value_of(list(example.values())))

    return {"PyGlove's regularized evolution": of}


def _nni(sizes: Sequence[int], count: int) -> dict[str, Callable[[], object]]:
    from nni.algorithms.hpo.evolution_tuner import EvolutionTuner

    def of() -> None:
        tuner = EvolutionTuner("minimize", population_size=16)
        tuner.update_search_space(
            {f"d{n}": {"_type": "choice", "_value": list(range(s))} for n, s in enumerate(sizes)}
        )
        for number in range(count):
            proposed = tuner.generate_parameters(number)
            tuner.receive_trial_result(number, proposed, value_of(list(proposed.values())))

    return {"NNI's evolution": of}


def _neps(sizes: Sequence[int], count: int) -> dict[str, Callable[[], object]]:
    import neps
    from neps.optimizers.algorithms import neps_regularized_evolution

    fields = {f"d{n}": neps.Categorical(choices=tuple(range(size))) for n, size in enumerate(sizes)}
    space = type("Decisions", (neps.PipelineSpace,), fields)

    def of() -> None:
        tuner = neps.AskAndTell(neps_regularized_evolution(space(), population_size=16, tournament_size=16))
        for _ in range(count):
            trial = tuner.ask()
            tuner.tell(trial, value_of([one for one in trial.config.values() if isinstance(one, int)]))

    return {"NePS' regularized evolution": of}


def speed(rounds: int) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    space = Space()
    _, domain = space.loop("random")
    few = 40
    tasks: dict[str, Callable[[], object]] = {
        text: space.ours(text)
        for text in ("random", "evolution", "nsga2", "nsga2(candidates = 1)", "hill_climb")
    }
    rng = Random(0)
    tasks["random networks alone"] = lambda: [domain.sample(rng) for _ in range(PROPOSALS)]
    theirs = others(domain.sizes, few)
    taken = in_turns({**tasks, **theirs}, rounds, warm=1)
    each = {name: (few if name in theirs else PROPOSALS) / median(seconds) for name, seconds in taken.items()}
    for name, rate in each.items():
        print(f"{name:34} {rate:10,.0f} proposals a second")
    return {
        "proposals a second": {name: round(rate) for name, rate in each.items()},
        "proposals in a round": {"ours": PROPOSALS, "of other libraries, from the start": few},
        "CPU seconds by round": {name: [round(s, 5) for s in seconds] for name, seconds in taken.items()},
    }


FEW, MANY = 1_000, 11_000
"""Trials of whole searches; the difference counts."""


def whole(rounds: int) -> dict[str, Any]:
    from archdsl.search.progress import SearchProgress

    def taken(text: str, trials: int) -> tuple[float, float]:
        """CPU seconds until the last trial, and of all."""
        last = [0.0]

        def report(now: SearchProgress) -> None:
            if now.tried == trials:
                last[0] = time.process_time()

        with tempfile.TemporaryDirectory() as folder:
            began = time.process_time()
            archdsl.search(
                SPECS / "space.arch", strategy=text, evaluate="costs", minimize="macs",
                settings={"trials": trials}, folder=Path(folder) / "run", report=report,
            )  # fmt: skip
            return last[0] - began, time.process_time() - began

    texts = ("random", "evolution")
    found: dict[str, list[tuple[float, ...]]] = {text: [] for text in texts}
    taken("random", 20)  # imports
    for _ in range(rounds):
        for text in texts:
            few, many = taken(text, FEW), taken(text, MANY)
            found[text].append(tuple((MANY - FEW) / (b - a) for a, b in zip(few, many, strict=True)))
    each = {
        text: [round(statistics.median(one)) for one in zip(*rates, strict=True)]
        for text, rates in found.items()
    }
    print(each)
    return {"proposals a second to the last trial, and with table and report": each}


def merged(name: str, figures: dict[str, Any]) -> None:
    """Saves one part of results/strategies.json, and keeps the others."""
    path = RESULTS / "strategies.json"
    before = json.loads(path.read_text("utf-8")) if path.exists() else {}
    save("strategies", {**before, name: {"machine": machine(), **figures}})


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("job", choices=("table", "quality", "speed", "whole"))
    parser.add_argument("--toy", type=Path, default=ROOT / "out" / "toy_space", help="folder of toy_space.py")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--pareto-seeds", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    began = time.process_time()
    if given.job == "table":
        write_table(given.toy)
    elif given.job == "quality":
        merged("quality", quality(given.seeds, given.pareto_seeds))
    elif given.job == "speed":
        merged("speed", speed(given.rounds))
    else:
        merged("whole", whole(given.rounds))
    print(f"{time.process_time() - began:.0f} s of CPU time")


if __name__ == "__main__":
    main()
