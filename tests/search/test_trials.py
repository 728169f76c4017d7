"""Searches by trials: a strategy and an evaluator from another package, over one space."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import archdsl
from archdsl import SpecError
from archdsl.cli import run
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.lines import read_records
from archdsl.search.trials.domain import Domain
from strangers import install, plugged

MODULE = '''\
import random
from dataclasses import dataclass

from archdsl.configs.evaluators import EvaluatorKind
from archdsl.configs.setting import setting
from archdsl.configs.strategies import StrategyKind

seen = []


@dataclass(frozen=True)
class Settings:
    """Settings of the walk."""

    reach: int = setting("whole", "decisions changed at once", 1, low=1, high=9)


class Walk:
    """Proposes networks near the best one."""

    def __init__(self, config, domain, seed):
        self.config, self.sizes, self.rng = config, domain.sizes, random.Random(seed)
        self.best, self.value = None, float("inf")

    def propose(self):
        if self.best is None:
            return tuple(self.rng.randrange(size) for size in self.sizes)
        found = list(self.best)
        for n in self.rng.sample(range(len(self.sizes)), min(self.config.reach, len(self.sizes))):
            found[n] = self.rng.randrange(self.sizes[n])
        return tuple(found)

    def observe(self, seen):
        if seen.value < self.value:
            self.best, self.value = seen.outcomes, seen.value


class Wild(Walk):
    def propose(self):
        return (9,) * len(self.sizes)


@dataclass(frozen=True)
class Weight:
    """Settings of the evaluator."""

    of_large: float = setting("number", "what a large kernel scores", 1.0)


class Counting:
    """Scores how many of the largest kernels a network has."""

    def __init__(self, config, context):
        self.config, self.space = config, context.space

    def score(self, candidate):
        seen.append(dict(candidate.outcomes))
        large = sum(outcome == 1 for outcome in candidate.outcomes.values())
        return {"largeness": self.config.of_large * large}


class Failing(Counting):
    def score(self, candidate):
        raise RuntimeError("no such kernel")


WALK = StrategyKind("a random walk", Settings, make=Walk)
WILD = StrategyKind("outcomes that there are not", Settings, make=Wild)
COUNTING = EvaluatorKind("large kernels", Weight, make=Counting, scores=("largeness",))
FAILING = EvaluatorKind("none", Weight, make=Failing, scores=("largeness2",))
NOTHING = StrategyKind("nothing", Settings)
'''
POINTS = {
    "archdsl.strategies": {"walk": "walking:WALK", "wild": "walking:WILD"},
    "archdsl.evaluators": {"counting": "walking:COUNTING", "failing": "walking:FAILING"},
}
SPACE = """arch 1

space S {
  input image: [3, 16, 32]
  a = image -> one of {small: conv(c = 8), large: conv(c = 8, k = 5), tiny: conv(c = 8, k = 1)}
  b = a -> one of {small: conv(c = 8), large: conv(c = 8, k = 5), tiny: conv(c = 8, k = 1)}
  c = b -> one of {small: conv(c = 8), large: conv(c = 8, k = 5), tiny: conv(c = 8, k = 1)}
  output logits = c -> conv(c = 11, k = 1)
}
"""


def spec(clauses: str) -> str:
    lines = "\n".join(f"  {clause.strip()}" for clause in clauses.split(";"))
    return f"{SPACE}\nsearch Q for S {{\n{lines}\n}}\n"


@pytest.fixture(autouse=True)
def _plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with plugged(tmp_path / "site", "walking", MODULE, POINTS):
        yield


def trials(folder: str) -> list[dict]:
    """The trials of a run, without times."""
    found = [record for record in read_records(Path(folder, "journal.jsonl")) if record["kind"] == "tried"]
    return [{k: v for k, v in one.items() if k not in ("seconds", "elapsed", "worker")} for one in found]


def chosen(folder: str, outcomes: list[int]) -> dict[str, str]:
    decisions = read_records(Path(folder, "journal.jsonl"))[0]["decisions"]
    return {path: texts[o] for (path, texts), o in zip(decisions.items(), outcomes, strict=True)}


def test_a_strategy_and_an_evaluator_of_another_package_search_a_space() -> None:
    text = spec("strategy = walk(reach = 2); evaluate = counting; trials = 12; maximize largeness")
    assert archdsl.check(text).diagnostics == ()
    found = archdsl.search(text, folder="run")
    done = trials("run")
    assert len(done) == 12
    assert len({tuple(one["outcomes"]) for one in done}) == 12
    assert [one["objective"] for one in done] == [-one["scores"]["largeness"] for one in done]
    best = min(done, key=lambda one: one["objective"])
    assert dict(found.network.chosen) == chosen("run", best["outcomes"])
    assert archdsl.load("run/best.arch").network().macs == found.network.macs


def test_costs_are_objectives_and_limits_without_an_evaluator() -> None:
    found = archdsl.search(
        spec("strategy = walk; trials = 27; minimize log(macs); require params >= 2000"), folder="run"
    )
    space = archdsl.load(spec("strategy = walk; minimize macs")).space()
    names = ("small", "large", "tiny")
    every = [space.bind({"a.1": a, "b.1": b, "c.1": c}) for a in names for b in names for c in names]
    assert found.network.macs == min(network.macs for network in every if network.params >= 2000)
    assert all(one["scores"] == {} for one in trials("run"))


def test_every_setting_of_a_strategy_and_an_evaluator_reaches_it() -> None:
    import walking

    archdsl.search(
        spec(
            "strategy = walk; evaluate = counting(of_large = 0.5); trials = 3; seed = 5; minimize largeness"
        ),
        folder="a",
    )
    assert {one["scores"]["largeness"] % 0.5 for one in trials("a")} == {0.0}
    assert json.loads(Path("a/manifest.json").read_text())["seed"] == 5
    first = walking.Walk(walking.Settings(), Domain.of_sizes([3, 3, 3]), 5).propose()
    assert trials("a")[0]["outcomes"] == list(first)


def test_the_same_seed_gives_the_same_trials_also_when_they_are_resumed() -> None:
    import walking

    text = spec("strategy = walk; evaluate = counting; trials = 10; maximize largeness - 0.000001 * macs")
    archdsl.search(text, folder="whole")
    heard: list[int] = []
    with pytest.raises(Interrupted):
        archdsl.search(
            text, folder="part", report=lambda now: heard.append(now.tried), stop=lambda: len(heard) == 4
        )
    walking.seen.clear()
    found = archdsl.search(text, folder="part", resume=True)
    assert len(walking.seen) == 6
    assert trials("part") == trials("whole")
    assert found.network.to_arch() == archdsl.search(text, folder="whole", resume=True).network.to_arch()


def test_the_command_line_runs_it_and_names_what_is_found(capsys) -> None:
    Path("s.arch").write_text(spec("strategy = walk; evaluate = counting; minimize largeness"))
    assert run(["--plugin", "walking", "search", "s.arch", "--set", "trials=4", "-o", "run"]) == 0
    said = capsys.readouterr().out
    assert "trial 1/4  best largeness" in said
    assert "trial 4/4  best largeness" in said
    assert "the best of 4 networks that `walk` proposed" in said
    assert "wrote run/best.arch" in said
    assert json.loads(Path("run/manifest.json").read_text())["plugins"] == {"walking": "1.0"}


@pytest.mark.parametrize(
    "options", [{"data": "synthetic"}, {"device": "cpu"}, {"amp": "bfloat16"}, {"baseline": "plain.arch"}]
)
def test_options_of_differentiable_searches_are_refused(options) -> None:
    with pytest.raises(SpecError, match=r"is not (a clause|an option) of (a search|searches) by trials"):
        archdsl.search(spec("strategy = walk; minimize macs"), folder="run", **options)


def test_damaged_records_are_evaluated_again() -> None:
    import walking

    text = spec("strategy = walk; evaluate = counting; trials = 6; maximize largeness - 0.000001 * macs")
    archdsl.search(text, folder="run")
    whole = trials("run")
    journal = Path("run/journal.jsonl")
    lines = journal.read_text().splitlines()
    broken = ['{"kind": "tried", "outcomes": 3}', '{"kind": "tried", "outcomes": [0, "a"], "number": 1}']
    damaged = lines[1].replace('"scores": {', '"scores": [{').replace('}, "costs"', '}], "costs"')
    journal.write_text("\n".join([lines[0], *broken, damaged, *lines[2:4], "{"]) + "\n")
    walking.seen.clear()
    archdsl.search(text, folder="run", resume=True)
    assert len(walking.seen) == 4
    found = {tuple(one["outcomes"]): one["objective"] for one in trials("run")[3:]}  # the damaged ones stay
    assert found == {tuple(one["outcomes"]): one["objective"] for one in whole}


def refused(clauses: str) -> tuple[str, str]:
    with pytest.raises(SpecError) as caught:
        archdsl.search(spec(clauses), folder="run")
    (found,) = caught.value.diagnostics
    place = found.primary.location if found.primary else None
    assert not Path("run/best.arch").exists()
    return found.code, place.source.text[place.start : place.end] if place else found.headline


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ("strategy = walk; epochs = 3; minimize macs", ("ARCH606", "epochs")),
        ("strategy = walk; data = synthetic; minimize macs", ("ARCH606", "data")),
        ("strategy = walk; minimize largeness", ("ARCH606", "largeness")),
        ("strategy = walk; minimize cross_entropy", ("ARCH606", "cross_entropy")),
        ("strategy = walk; minimize macs; require largeness >= 1", ("ARCH606", "largeness")),
        (
            "strategy = walk; evaluate = counting; minimize macs; require largeness > 99",
            ("ARCH606", "walk"),
        ),
        ("strategy = walk; minimize macs; minimize params", ("ARCH606", "walk")),
        ("strategy = walk", ("ARCH606", "Q")),
        ("strategy = walk; minimize macs; require params <= 1", ("ARCH606", "walk")),
        ("strategy = walk(reaches = 3); minimize macs", ("ARCH204", "reaches")),
        ("strategy = walk(reach = 12); minimize macs", ("ARCH607", "12")),
        ("strategy = walk; evaluate = walk; minimize macs", ("ARCH607", "walk")),
        ("strategy = walk; trials = 0; minimize macs", ("ARCH607", "0")),
        ("strategy = wild; minimize macs", ("ARCH864", "wild")),
        ("strategy = walk; evaluate = failing; minimize largeness2", ("ARCH864", "failing")),
    ],
)
def test_what_cannot_be_run_is_refused_at_its_place(clauses: str, expected: tuple[str, str]) -> None:
    assert refused(clauses) == expected


def test_a_kind_that_makes_nothing_is_refused() -> None:
    install(Path("site").absolute(), "other", {"archdsl.strategies": {"nothing": "walking:NOTHING"}})
    with pytest.raises(SpecError) as caught:
        archdsl.use("other")
    assert caught.value.diagnostics[0].code == "ARCH864"


def test_passes_make_the_space_smaller_before_a_trial() -> None:
    text = spec("strategy = walk(reach = 2); trials = 9; minimize macs")
    found = archdsl.search(text, folder="run", passes="prune(a.1 = large)")
    assert found.network.chosen["a.1"] == "large"
    assert len(trials("run")) == 9


def test_a_search_that_ends_early_says_why(capsys) -> None:
    Path("s.arch").write_text(spec("strategy = evolution; minimize macs"))
    assert run(["search", "s.arch", "--set", "trials=40", "-o", "run"]) == 0
    said = capsys.readouterr()
    assert "27 trials" in said.out
    assert "the search ended after 27 of 40 trials" in said.err
    assert run(["search", "s.arch", "--set", "trials=27", "-o", "other"]) == 0
    assert "the search ended" not in capsys.readouterr().err


def test_resuming_a_finished_search_leaves_its_files_alone(capsys) -> None:
    Path("s.arch").write_text(spec("strategy = random; trials = 6; minimize macs; maximize params"))
    assert run(["search", "s.arch", "-o", "run"]) == 0

    def there() -> dict[Path, tuple[int, bytes]]:
        files = [path for path in Path("run").rglob("*") if path.is_file() and path.name != ".lock"]
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before, said = there(), capsys.readouterr().out
    assert run(["search", "s.arch", "--resume", "run"]) == 0
    again = capsys.readouterr().out
    assert there() == before
    assert "run is finished" in again
    assert "wrote" not in again
    assert said.splitlines()[-3] == again.splitlines()[-2]
    Path("run/trials.csv").unlink()
    assert run(["search", "s.arch", "--resume", "run"]) == 0
    assert Path("run/trials.csv").read_bytes() == before[Path("run/trials.csv")][1]
