"""`archdsl runs` and `archdsl front`, over journals of searches by trials."""

from __future__ import annotations

import json
import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import fake_trials
import pytest

from archdsl.cli import run
from archdsl.search.folder import SearchFolder
from archdsl.search.repeats import RepeatedFolder, summarize

sys.path.append(str(Path(__file__).parents[1] / "report"))
import fake_run

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert run([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_runs_lists_what_lies_in_a_folder_and_below(capsys: pytest.CaptureFixture[str]) -> None:
    fake_trials.write_run(Path("runs/a"), fake_trials.records(40, failing=0.3))
    fake_trials.write_run(Path("runs/sweep/seed-0"), fake_trials.records(15, ended=False))
    Path("runs/other").mkdir()
    listed = {one["run"]: one for one in printed(capsys, "runs")["runs"]}
    assert set(listed) == {"runs/a", "runs/sweep/seed-0"}
    whole, part = listed["runs/a"], listed["runs/sweep/seed-0"]
    assert (whole["state"], whole["done"], whole["planned"]) == ("finished", 40, 200)
    assert (part["state"], part["done"], part["strategy"]) == ("interrupted", 15, "evolution")
    failed = [one for one in fake_trials.records(40, failing=0.3) if one.get("state") == "failed"]
    assert whole["failed"] == len(failed) > 0
    assert set(whole["best"]) == {"miou", "macs"}


def test_supernets_and_trainings_are_listed_by_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    fake_run.write_run(Path("runs/whole"), epochs=30, steps=2)
    fake_run.write_run(Path("runs/part"), epochs=7, steps=2, ended=False)
    fake_run.write_training(Path("runs/trained"), epochs=30, steps=3)
    fake_run.write_training(Path("runs/training"), epochs=4, steps=3)
    listed = {one["run"].removeprefix("runs/"): one for one in printed(capsys, "runs")["runs"]}
    found = {name: (one["kind"], one["done"], one["planned"], one["state"]) for name, one in listed.items()}
    assert found == {
        "part": ("search", 7, 30, "interrupted"),
        "trained": ("train", 30, 30, "finished"),
        "training": ("train", 4, 30, "interrupted"),
        "whole": ("search", 30, 30, "finished"),
    }
    assert all("miou" in one["best"] for one in listed.values())
    assert listed["whole"]["best"]["params"] == 2_441_816
    assert (listed["whole"]["strategy"], listed["trained"]["strategy"]) == ("differentiable", None)


def test_seeds_of_supernets_have_a_mean_and_a_band() -> None:
    for seed in range(3):
        fake_run.write_run(Path(f"q/seed-{seed}"), epochs=5, steps=2, seed=seed)
    folder = RepeatedFolder(Path("q"))
    text = summarize(folder, [0, 1, 2, 9])
    assert {"miou", "params", "macs"} <= set(text.splitlines()[0].split())
    assert "standard deviation" in text
    root = ET.fromstring(folder.picture.read_text())
    assert "mean of 3 seeds, minimum to maximum" in [e.text for e in root.iter(f"{SVG}text")]
    assert len(list(root.iter(f"{SVG}polygon"))) == 2  # the band, and its sample in the legend


def test_one_seed_has_no_deviation() -> None:
    fake_trials.write_run(Path("q/seed-4"), fake_trials.records(9))
    text = summarize(RepeatedFolder(Path("q")), [4])
    assert text.splitlines()[-1].strip() == "standard deviation"


def test_a_run_whose_folder_is_held_is_running(capsys: pytest.CaptureFixture[str]) -> None:
    fake_trials.write_run(Path("runs/a"), fake_trials.records(10, ended=False))
    with SearchFolder(Path("runs/a")).held():
        assert printed(capsys, "runs")["runs"][0]["state"] == "running"
    assert printed(capsys, "runs")["runs"][0]["state"] == "interrupted"


def test_runs_reads_a_journal_that_is_being_written_and_passes_over_what_is_no_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = fake_trials.write_run(Path("runs/a"), fake_trials.records(10, ended=False))
    with Path(folder, "journal.jsonl").open("a") as file:
        file.write('{"kind": "tried", "num')
    Path("runs/b").mkdir()
    Path("runs/b/manifest.json").write_text("{}")
    os.symlink(Path("runs").absolute(), "runs/loop")
    Path("runs/c").mkdir()
    with Path("runs/c/manifest.json").open("wb") as large:
        large.truncate(1 << 40)
    assert run(["runs"]) == 0
    shown = capsys.readouterr()
    assert "10/200 trials" in shown.out
    assert "ARCH911" in shown.err
    assert "ARCH715" in shown.err
    assert shown.out.count("runs/a") == 1


def test_a_search_whose_first_record_is_damaged_is_named_beside_the_other_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_trials.write_run(Path("runs/a"), fake_trials.records(5))
    fake_trials.write_run(Path("runs/b"), fake_trials.records(5))
    fake_trials.write_run(Path("runs/c"), [])
    journal = Path("runs/b/journal.jsonl")
    journal.write_bytes(b"\xff\xfe" + journal.read_bytes()[2:])
    assert run(["runs", "--json"]) == 0
    shown = capsys.readouterr()
    listed = [(one["run"], one["done"], one["unit"]) for one in json.loads(shown.out)["runs"]]
    assert listed == [("runs/a", 5, "trials"), ("runs/c", 0, "trials")]
    assert "ARCH911" in shown.err
    assert "runs/b/journal.jsonl lacks the objectives of the search" in shown.err
    assert run(["front", "runs/a", "runs/b"]) == 1
    assert "ARCH911" in capsys.readouterr().err


def test_a_worker_of_a_finished_run_ends_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    fake_trials.write_run(Path("runs/a"), fake_trials.records(5))
    assert run(["work", "runs/a", "--idle", "9"]) == 1
    assert "runs/a is finished" in capsys.readouterr().err


def test_a_worker_that_waits_for_a_search_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["work", "runs/a", "--idle", "0.001"]) == 1
    shown = capsys.readouterr()
    assert "waiting for a search with --engine folder" in shown.out + shown.err


def test_runs_of_an_empty_folder_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs").mkdir()
    assert run(["runs"]) == 0
    assert capsys.readouterr().out == "no run in runs\n"
    assert run(["runs", "elsewhere"]) == 2


def test_front_compares_runs_in_a_picture_a_table_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    fake_trials.write_run(Path("runs/a"), fake_trials.records(60))
    fake_trials.write_run(Path("runs/b"), fake_trials.records(200, seed=1))
    assert run(["front", "runs/a", "runs/b", "-o", "front.svg"]) == 0
    out = capsys.readouterr().out
    assert "hypervolume" in out
    assert "wrote front.svg" in out
    named = [text.text for text in ET.fromstring(Path("front.svg").read_text()).iter(f"{SVG}text")]
    assert {"runs/a", "runs/b", "miou (higher is better)", "macs (lower is better)"} <= set(named)
    a, b = printed(capsys, "front", "runs/a", "runs/b")["runs"]
    assert a["trials"] == 60
    assert b["trials"] == 200
    assert 0 < a["hypervolume"] <= b["hypervolume"] <= 1
    assert 0 < a["joint"] + b["joint"] <= len(a["front"]) + len(b["front"])


def test_a_run_compared_with_itself_holds_as_much_of_the_joint_front(
    capsys: pytest.CaptureFixture[str],
) -> None:
    goals = (("maximize", "miou"), ("minimize", "macs"), ("minimize", "params"))
    for name in "ab":
        fake_trials.write_run(Path(name), fake_trials.records(80, goals))
    a, b = printed(capsys, "front", "a", "b")["runs"]
    assert a["joint"] == b["joint"] == len(a["front"])
    assert a["hypervolume"] == b["hypervolume"]


def test_one_goal_is_compared_by_the_best_so_far(capsys: pytest.CaptureFixture[str]) -> None:
    for seed, name in enumerate("ab"):
        fake_trials.write_run(Path(name), fake_trials.records(50, [("minimize", "macs")], seed))
    assert run(["front", "a", "b", "-o", "best.svg"]) == 0
    root = ET.fromstring(Path("best.svg").read_text())
    assert "Best so far" in (root.findtext(f"{SVG}title") or "")
    assert len(list(root.iter(f"{SVG}polyline"))) == 4  # two lines, and their samples in the legend


def test_a_folder_of_seeds_stands_for_its_runs(capsys: pytest.CaptureFixture[str]) -> None:
    for seed in (0, 1, 10):
        fake_trials.write_run(Path(f"q/seed-{seed}"), fake_trials.records(20, seed=seed), seed)
    compared = printed(capsys, "front", "q")["runs"]
    assert [one["run"] for one in compared] == ["q/seed-0", "q/seed-1", "q/seed-10"]


def test_goals_that_differ_are_shown_at_their_places(capsys: pytest.CaptureFixture[str]) -> None:
    for name, goal in (("a", "macs"), ("b", "params")):
        folder = fake_trials.write_run(Path(name), fake_trials.records(20, [("minimize", goal)]))
        text = f"arch 1\n\nsearch Q for S {{\n  strategy = random\n  minimize {goal}\n}}\n"
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | {"spec": text}))
        (folder / f"{name}.arch").write_text(text)
    assert run(["front", "a", "b"]) == 1
    shown = capsys.readouterr().err
    assert "ARCH869" in shown
    assert "b/b.arch:5:3" in shown
    assert "a/a.arch:5:3" in shown


def test_what_is_no_search_by_trials_is_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_trials.write_run(Path("a"), fake_trials.records(5))
    fake_run.write_run(Path("b"), epochs=2, steps=2)
    assert run(["front", "a", "b", "-o", "front.svg"]) == 1
    assert "ARCH868" in capsys.readouterr().err
    assert not Path("front.svg").exists()
    assert run(["front", "a", "-o", "a/journal.jsonl"]) == 2
    Path("mine.svg").write_text("my notes")
    assert run(["front", "a", "-o", "mine.svg"]) == 1
    assert Path("mine.svg").read_text() == "my notes"


def test_runs_without_a_scored_trial_have_no_front(capsys: pytest.CaptureFixture[str]) -> None:
    fake_trials.write_run(Path("a"), fake_trials.records(8, failing=1.0))
    fake_trials.write_run(Path("b"), fake_trials.records(0))
    compared = printed(capsys, "front", "a", "b")["runs"]
    assert [(one["front"], one["hypervolume"]) for one in compared] == [([], 0.0)] * 2
    assert run(["front", "a", "b", "-o", "front.svg"]) == 0
