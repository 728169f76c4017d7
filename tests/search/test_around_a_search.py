"""Around a search: several seeds, first networks, a dry run."""

from __future__ import annotations

import csv
import json
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev

import pytest
from test_trial_outputs import MODULE, POINTS, TWO, written

import archdsl
import small_search
from archdsl import SpecError
from archdsl.cli import run
from archdsl.configs.strategies import StrategyKind
from archdsl.configs.words import STRATEGIES
from archdsl.runs.lines import read_records
from strangers import plugged

ONE = "strategy = anything; trials = 8; minimize macs"


@pytest.fixture(autouse=True)
def _plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with plugged(tmp_path / "site", "anyhow", MODULE, POINTS):
        yield


def outcomes(folder: str) -> list[list[int]]:
    records = read_records(Path(folder, "journal.jsonl"))
    return [record["outcomes"] for record in records if record["kind"] == "tried"]


# ------------------------------------------------------------------ seeds


def test_seeds_are_runs_of_their_own_with_mean_and_spread(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", written(TWO), "--seeds", "3", "-o", "q"]) == 0
    out = capsys.readouterr().out
    assert "standard deviation" in out
    assert len({str(outcomes(f"q/seed-{seed}")) for seed in range(3)}) == 3
    with open("q/seeds.csv", newline="") as file:
        rows = {row["seed"]: row for row in csv.DictReader(file)}
    values = [float(rows[str(seed)]["hypervolume"]) for seed in range(3)]
    assert float(rows["mean"]["hypervolume"]) == pytest.approx(fmean(values))
    assert float(rows["standard deviation"]["hypervolume"]) == pytest.approx(stdev(values))
    assert {"best largeness", "best macs", "front", "trials", "failed"} <= set(rows["0"])
    assert "seed 2" in Path("q/seeds.svg").read_text()
    archdsl.search(archdsl.load("s.arch"), folder="alone", seed=1)
    assert outcomes("alone") == outcomes("q/seed-1")


def test_several_seeds_are_resumed_and_more_of_them_added(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", written(ONE), "--seeds", "2", "--seed", "5", "-o", "q"]) == 0
    whole = outcomes("q/seed-6")
    journal = Path("q/seed-6/journal.jsonl")
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:4]))
    assert run(["search", "s.arch", "--resume", "q"]) == 0
    assert outcomes("q/seed-6") == whole
    assert run(["search", "s.arch", "--resume", "q", "--seeds", "3"]) == 0
    assert json.loads(Path("q/seeds.json").read_text()) == {"seeds": [5, 6, 7]}
    assert len(outcomes("q/seed-7")) == 8
    title = ET.fromstring(Path("q/seeds.svg").read_text()).get("aria-label")
    assert title == "Best so far: minimize macs"


def test_a_folder_with_runs_is_not_begun_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", written(ONE), "-o", "one"]) == 0
    assert run(["search", "s.arch", "--seeds", "2", "-o", "one"]) == 1
    assert "ARCH919" in capsys.readouterr().err
    assert run(["search", "s.arch", "--seeds", "2", "--resume", "one"]) == 2
    assert run(["search", "s.arch", "--seeds", "2", "-o", "two"]) == 0
    assert run(["search", "s.arch", "--seeds", "2", "-o", "two"]) == 1
    Path("two/seeds.json").write_text('{"seeds": ["../x"]}')
    assert run(["search", "s.arch", "--resume", "two"]) == 1
    assert "ARCH911" in capsys.readouterr().err


# ------------------------------------------------------------------ first networks


def test_known_networks_are_the_first_trials_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", written(TWO), "-o", "before"]) == 0
    front = sorted(Path("before/front").glob("trial-*.arch"))
    numbers = [int(path.stem.removeprefix("trial-")) for path in front]
    before = outcomes("before")
    wanted = [before[number - 1] for number in reversed(numbers)]
    words = ["--start", *map(str, reversed(front))]
    assert run(["search", "s.arch", "--seed", "9", *words, "-o", "after"]) == 0
    assert outcomes("after")[: len(wanted)] == wanted
    assert len(outcomes("after")) == 20
    journal = Path("after/journal.jsonl")
    whole = outcomes("after")
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:6]))
    assert run(["search", "s.arch", "--resume", "after"]) == 0
    assert outcomes("after") == whole


def test_a_strategy_proposes_when_all_known_networks_were_observed() -> None:
    """Also where several are open at once."""
    text = written(ONE.replace("trials", "parallel = 4; trials"))
    space = archdsl.load(text).space()
    known = [space.bind({"a.1": a, "b.1": "tiny", "c.1": "tiny"}) for a in ("large", "tiny")]
    found = archdsl.search(text, start=known, folder="run")
    assert [trial.outcomes for trial in found.trials[:2]] == [(1, 2, 2), (2, 2, 2)]


KINDS = [name for name, kind in STRATEGIES.items() if isinstance(kind, StrategyKind) and kind.run]


@pytest.mark.parametrize("strategy", KINDS)
def test_every_strategy_observes_known_networks_and_is_resumed_behind_them(strategy: str) -> None:
    if strategy == "optuna":
        pytest.importorskip("optuna")
    settings = {"successive_halving": "(of = random)"}.get(strategy, "")
    text = written(f"strategy = {strategy}{settings}; trials = 14; parallel = 2; minimize macs")
    space = archdsl.load(text).space()
    names = ("tiny", "large", "small")
    known = [space.bind({"a.1": a, "b.1": "large", "c.1": a}) for a in names]
    found = archdsl.search(text, start=known, folder="run", seed=3)
    assert [trial.outcomes for trial in found.trials[:3]] == [(2, 1, 2), (1, 1, 1), (0, 1, 0)]
    assert len(found.trials) > 5
    whole = outcomes("run")
    for kept in (2, 4, 9):
        journal = Path("run/journal.jsonl")
        journal.write_text("".join(journal.read_text().splitlines(keepends=True)[: 1 + kept]))
        shutil.rmtree("run/snapshots", ignore_errors=True)
        archdsl.search(text, start=known, folder="run", seed=3, resume=True)
        assert outcomes("run") == whole


def test_a_known_network_that_misses_a_requirement_is_warned_of_and_not_tried(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["search", written(ONE), "-o", "before"]) == 0
    text = written(ONE + "; require params >= 2000")
    assert run(["search", text, "--start", "before/best.arch", "-o", "after"]) == 0
    assert "violates a requirement" in capsys.readouterr().err
    assert all(one != [2, 2, 2] for one in outcomes("after"))


OTHER = """arch 1
space S {
  input image: [3, 16, 32]
  a = image -> one of {small: conv(c = 8), huge: conv(c = 8, k = 7)}
  output logits = a -> conv(c = 11, k = 1)
}
network N from S { a.1 = %s }
"""


@pytest.mark.parametrize(
    ("outcome", "why"), [("huge", "is huge in the network"), ("small", "lacks the decision `b.1`")]
)
def test_a_network_of_another_space_is_refused_at_its_place(
    outcome: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("other.arch").write_text(OTHER % outcome)
    assert run(["search", written(ONE), "--start", "other.arch", "-o", "run"]) == 1
    shown = capsys.readouterr().err
    assert "ARCH418" in shown
    assert "other.arch:7:9" in shown
    assert why in shown
    assert not Path("run/journal.jsonl").exists()


def test_a_network_that_passes_took_out_of_the_space_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    space = archdsl.load(written(ONE)).space()
    for name in ("large", "tiny"):
        network = space.bind({"a.1": name, "b.1": "tiny", "c.1": "tiny"})
        Path(f"{name}.arch").write_text(network.to_arch())
    words = ["search", "s.arch", "--passes", "prune(a.1 = tiny)", "--start"]
    assert run([*words, "large.arch", "-o", "first"]) == 1
    assert "fixed to tiny in the space" in capsys.readouterr().err
    assert run([*words, "tiny.arch", "-o", "second"]) == 0
    assert outcomes("second")[0] == [2, 2]


def test_a_network_written_out_in_full_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("full.arch").write_text(
        "arch 1\nnetwork N {\n  input image: [3, 16, 32]\n  output y = image -> conv(c = 11)\n}\n"
    )
    assert run(["search", written(ONE), "--start", "full.arch"]) == 1
    assert "ARCH418" in capsys.readouterr().err


def test_differentiable_searches_read_no_first_networks() -> None:
    text = small_search.SPEC
    space = archdsl.load("tiny.arch", text=text).space()
    network = space.bind({path: d.outcomes[0] for path, d in space.decisions.items()})
    with pytest.raises(SpecError, match="not an option of differentiable searches"):
        archdsl.search(archdsl.load("tiny.arch", text=text), start=[network], folder="run")


# ------------------------------------------------------------------ dry runs


def files() -> set[str]:
    return {str(path) for path in Path().rglob("*") if "__pycache__" not in path.parts}


def test_a_dry_run_of_trials_writes_nothing_and_tells_cost_and_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = written(TWO.replace("20", "2000"))
    before = files()
    assert run(["search", text, "--dry-run", "-o", "run"]) == 0
    out = capsys.readouterr().out
    assert files() == before
    assert "2,000 trials over 3 decisions of S" in out
    assert re.search(r"20 random networks: params .* to .*; macs .* to .*", out)
    assert re.search(r"about .* s per trial \(measured: 2 networks\), about .* in one process", out)


def test_a_dry_run_of_training_measures_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    clauses = "strategy = anything; evaluate = training(epochs = 50); trials = 40; parallel = 4;"
    text = written(f"{clauses} data = synthetic(images = 4, batch = 2); maximize miou")
    before = files()
    assert run(["search", text, "--set", "image=3x32x64", "--dry-run", "--seeds", "2", "--workers", "8"]) == 0
    out = capsys.readouterr().out
    assert files() == before
    assert "one network for 1 and 2 of 50 epochs" in out
    assert "4 at once" in out
    assert "2 seeds" in out


def test_a_dry_run_of_a_supernet_tells_time_and_memory(capsys: pytest.CaptureFixture[str]) -> None:
    Path("tiny.arch").write_text(small_search.SPEC)
    before = files()
    assert run(["search", "tiny.arch", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert files() == before
    assert re.search(r"about .* s per step, .* MiB of memory", out)
    assert "writing to" not in out


def test_a_dry_run_that_cannot_be_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    text = written(ONE)
    assert run(["search", text, "--dry-run", "--table", "auto"]) == 2
    assert run(["search", text, "-o", "run"]) == 0
    assert run(["search", text, "--dry-run", "--resume", "run"]) == 2
    assert run(["search", written("strategy = anything; minimize miou"), "--dry-run"]) == 1
