"""What a search by trials leaves in its folder: front, table, picture, page, best network."""

from __future__ import annotations

import csv
import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl import SpecError
from archdsl.cli import run
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.lines import read_records
from strangers import plugged

sys.path.append(str(Path(__file__).parents[1] / "report"))
from reading import Tags

MODULE = '''\
from dataclasses import dataclass
from random import Random

from archdsl.configs.evaluators import EvaluatorKind
from archdsl.configs.strategies import StrategyKind


@dataclass(frozen=True)
class Nothing:
    """No settings."""


class Any:
    """Networks at random."""

    def __init__(self, config, domain, seed):
        self.domain, self.rng = domain, Random(seed)

    def propose(self):
        return self.domain.sample(self.rng)

    def observe(self, seen):
        pass


class Odd:
    """Scores how many kernels are large; small networks fail."""

    def __init__(self, config, context):
        pass

    def score(self, candidate):
        large = sum(outcome == 1 for outcome in candidate.outcomes.values())
        if not large:
            raise RuntimeError("nothing large")
        return {"largeness": large}


ANY = StrategyKind("networks at random", Nothing, make=Any, pareto=True)
ODD = EvaluatorKind("large kernels", Nothing, make=Odd, scores=("largeness",))
'''
POINTS = {"archdsl.strategies": {"anything": "anyhow:ANY"}, "archdsl.evaluators": {"odd": "anyhow:ODD"}}
SPACE = """arch 1

space S {
  input image: [3, 16, 32]
  a = image -> one of {small: conv(c = 8), large: conv(c = 8, k = 5), tiny: conv(c = 8, k = 1)}
  b = a -> one of {small: conv(c = 8), large: conv(c = 8, k = 5), tiny: conv(c = 8, k = 1)}
  c = b -> one of {small: conv(c = 8), large: conv(c = 8, k = 5), tiny: conv(c = 8, k = 1)}
  output logits = c -> conv(c = 11, k = 1)
}
"""
TWO = "strategy = anything; evaluate = odd; trials = 20; maximize largeness; minimize macs"


@pytest.fixture(autouse=True)
def _plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with plugged(tmp_path / "site", "anyhow", MODULE, POINTS):
        yield


def written(clauses: str) -> str:
    lines = "\n".join(f"  {clause.strip()}" for clause in clauses.split(";"))
    Path("s.arch").write_text(f"{SPACE}\nsearch Q for S {{\n{lines}\n}}\n")
    return "s.arch"


def search(clauses: str, **options: Any) -> archdsl.Result:
    return archdsl.search(archdsl.load(written(clauses)), folder="run", **options)


def rows() -> list[dict[str, str]]:
    with open("run/trials.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_front_is_a_folder_of_networks_that_no_trial_dominates() -> None:
    found = search(TWO)
    values = {
        int(row["number"]): (-float(row["goal: maximize largeness"]), float(row["goal: minimize macs"]))
        for row in rows()
        if row["state"] == "scored"
    }
    best = {
        number
        for number, one in values.items()
        if not any(o != one and all(a <= b for a, b in zip(o, one, strict=True)) for o in values.values())
    }
    files = {int(path.stem.removeprefix("trial-")): path for path in Path("run/front").glob("trial-*.arch")}
    assert set(files) == best == {int(row["number"]) for row in rows() if row["front"] == "1"}
    for number, path in files.items():
        assert archdsl.load(path).network().macs == values[number][1]
    assert sorted(one.network.macs for one in found.front) == sorted(values[n][1] for n in best)
    assert read_records(Path("run/journal.jsonl"))[-1]["front"] == [
        int(one.how.removeprefix("trial ")) for one in found.front
    ]


def test_the_best_network_is_the_one_of_the_front_that_is_best_in_the_first_goal() -> None:
    found = search(TWO)
    assert dict(found.front[0].outcomes) == dict(found.outcomes)
    most = max(trial.values[0] for trial in found.trials if trial.state == "scored")
    least = min(t.values[1] for t in found.trials if t.state == "scored" and t.values[0] == most)
    assert archdsl.load("run/best.arch").network().macs == least


def test_trials_are_in_the_result_with_the_failures() -> None:
    found = search(TWO)
    assert [trial.number for trial in found.trials] == list(range(1, 21))
    failed = [trial for trial in found.trials if trial.state == "failed"]
    assert failed
    assert {trial.failure for trial in failed} == {("exception", "RuntimeError: nothing large")}


def test_the_picture_and_the_page_are_whole_and_of_costs_beside_random_networks() -> None:
    search("strategy = anything; trials = 12; minimize params; minimize macs")
    picture = Path("run/pareto.svg").read_text()
    assert ET.fromstring(picture).tag.endswith("svg")
    assert "random networks (12)" in picture
    page = Path("run/report.html").read_text()
    assert Tags(page).open == []
    for part in ("Pareto front", "Best so far", "How to reproduce it", "Diagram of the best", "best.arch"):
        assert part in page


def test_where_scores_are_trained_for_no_random_networks_are_drawn() -> None:
    search(TWO)
    assert "random networks" not in Path("run/pareto.svg").read_text()
    assert "RuntimeError: nothing large" in Path("run/report.html").read_text()


def test_a_search_of_one_goal_has_no_front_in_its_folder() -> None:
    found = search("strategy = anything; trials = 10; minimize macs")
    assert len(found.front) == 1
    assert not Path("run/front").exists()
    assert not Path("run/pareto.svg").exists()
    assert len(rows()) == 10


def test_an_interrupted_search_has_its_outputs_and_resuming_replaces_them() -> None:
    stops = iter([False] * 12)
    with pytest.raises(Interrupted):
        search(TWO, stop=lambda: next(stops, True))
    assert len(rows()) < 20
    assert "Not finished" in Path("run/report.html").read_text()
    found = search(TWO, resume=True)
    assert len(rows()) == 20
    assert len(list(Path("run/front").glob("trial-*.arch"))) == len(found.front)
    assert "Not finished" not in Path("run/report.html").read_text()
    whole = archdsl.search(archdsl.load("s.arch"), folder="whole")
    assert [t.values for t in whole.trials] == [t.values for t in found.trials]
    names = [
        sorted(path.name for path in Path(run, "front").glob("trial-*.arch")) for run in ("run", "whole")
    ]
    assert names[0] == names[1]


def test_a_search_all_of_whose_trials_fail_shows_why() -> None:
    with pytest.raises(SpecError, match="failed"):
        search("strategy = anything; evaluate = odd; trials = 5; minimize log(largeness - 100)")
    assert "Failures" in Path("run/report.html").read_text()
    assert len(rows()) == 5


def test_outputs_that_are_there_already_are_not_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    Path("run/front").mkdir(parents=True)
    Path("run/front/trial-0001.arch").write_text("mine")
    assert run(["--plugin", "anyhow", "search", written(TWO), "--out", "run"]) == 1
    assert "ARCH931" in capsys.readouterr().err
    assert Path("run/front/trial-0001.arch").read_text() == "mine"


def test_a_long_search_writes_its_page_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.search.trials import outputs

    monkeypatch.setattr(outputs, "EVERY_S", 0.0)
    monkeypatch.setattr(outputs, "_SHARE", 0)
    seen = []

    def report(now: Any) -> None:
        if Path("run/report.html").exists():
            seen.append(now.tried)

    search(TWO.replace("20", "4"), report=report)
    assert seen == [2, 3, 4]
    assert json.loads(Path("run/journal.jsonl").read_text().splitlines()[0])["kind"] == "start"


def test_the_command_line_counts_failures_and_names_what_it_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", written(TWO), "-o", "run"]) == 0
    out = capsys.readouterr().out
    failed = sum(row["failure"] == "exception" for row in rows())
    assert f"20 trials, {failed} without a value: {failed} exception; a front of" in out
    assert "wrote run/best.arch, run/trials.csv, run/front, run/pareto.svg, run/report.html" in out
    assert f"trial 20/20  best largeness 3  {failed} failed" in out


def test_a_terminal_has_a_bar_of_trials_with_the_best_so_far(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    assert run(["search", written(TWO), "-o", "run"]) == 0
    shown = capsys.readouterr()
    assert "20/20" in shown.err
    assert "best largeness 3" in shown.err
    assert "trial 1/20" not in shown.out
