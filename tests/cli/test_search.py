"""`archdsl search` and `archdsl extract` as a user runs them."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from archdsl.cli import cli
from small_search import SPEC


@pytest.fixture
def spec(tmp_path) -> Path:
    path = tmp_path / "tiny.arch"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """As in the processes that are started here: sums over several threads round otherwise."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, _one_thread) -> Path:
    """A finished search of one epoch, which is only read, and refused to be continued differently."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.arch").write_text(SPEC)
    result = archdsl("search", folder / "tiny.arch", "--out", folder / "run", "--set", "epochs=1")
    assert result.exit_code == 0, result.output
    assert "found" in result.output
    return folder / "run"


def archdsl(*words: object):
    return CliRunner().invoke(cli, [str(word) for word in words])


def journal(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text("utf-8").splitlines()]


def warm_started(*words: object, **more: object) -> subprocess.Popen:
    command = [sys.executable, "-m", "archdsl", *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more
    )


def test_classes_are_weighted_by_a_rule_of_the_spec_that_the_manifest_keeps(spec, tmp_path):
    spec.write_text(
        SPEC.replace("minimize cross_entropy", 'minimize cross_entropy(class_weights = "median")')
    )
    run = tmp_path / "run"
    result = archdsl("search", spec, "--out", run, "--set", "epochs=1")
    assert result.exit_code == 0, result.output
    assert "class weights: sky " in result.output
    assert len(json.loads((run / "manifest.json").read_text())["settings"]["class weights"]) == 11
    assert archdsl("search", spec, "--resume", run).exit_code == 0
    spec.write_text(SPEC.replace("minimize cross_entropy", 'minimize cross_entropy(class_weights = "mean")'))
    result = archdsl("search", spec, "--out", tmp_path / "other")
    assert "ARCH607" in result.output
    assert not (tmp_path / "other").exists()


def test_a_search_leaves_all_that_it_promises(finished):
    run = finished
    for name in (
        "best.arch",
        "best.safetensors",
        "report.html",
        "manifest.json",
        "tiny.arch",
        "found-0001.arch",
    ):
        assert (run / name).stat().st_size > 0
    assert archdsl("check", run / "best.arch").exit_code == 0
    assert archdsl("compile", run / "best.arch", "--emit", "shapes").exit_code == 0
    page = (run / "report.html").read_text("utf-8")
    assert "hyper[1].gate" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_search_prints_the_warnings_of_check(spec, tmp_path):
    spec.write_text(re.sub(r"minimize .*", "maximize 0 * params + cross_entropy", SPEC))
    result = archdsl("search", spec, "--out", tmp_path / "run", "--set", "epochs=1")
    assert result.exit_code == 0, result.output
    codes = re.findall(r"ARCH6\d\d", archdsl("check", spec).output)
    assert sorted(set(codes)) == ["ARCH609", "ARCH610"]
    assert re.findall(r"ARCH6\d\d", result.stderr) == codes


def test_a_search_by_trials_prints_the_warnings_of_check(spec, tmp_path):
    space, _, _ = SPEC.partition("search Quick")
    spec.write_text(space + "search Quick for Tiny { strategy = random\n minimize 0 * params + macs }\n")
    result = archdsl("search", spec, "--out", tmp_path / "run", "--set", "trials=2")
    assert result.exit_code == 0, result.output
    assert result.stderr.count("ARCH610") == archdsl("check", spec).output.count("ARCH610") == 1


def test_set_reaches_the_search_the_space_and_inputs_of_any_name(tmp_path):
    spec = tmp_path / "tiny.arch"
    text = re.sub(r"\bimage\b", "frame", SPEC).replace(", size = [32, 64]", "")
    text = text.replace("search Quick for", "search Quick(; weight = 0.02) for")
    spec.write_text(re.sub(r"cross_entropy \+ \S+ \*", "cross_entropy + weight *", text))
    words = ("epochs=1", "weight=0.5", "frame=3x32x32")
    result = archdsl("search", spec, "--out", tmp_path / "run", "--set", *words)
    assert result.exit_code == 0, result.output
    run = settings(tmp_path / "run")
    assert "0.5" in run["objectives"]
    assert run["space settings"]["frame"] == "(3, 32, 32)"
    resumed = archdsl("search", spec, "--resume", tmp_path / "run", "--set", "weight=0.1")
    assert "ARCH912" in resumed.output


def test_the_weights_of_a_run_can_be_scored_and_extracted(finished, tmp_path):
    run, data = finished, "synthetic:images=8,size=32x64"
    scored = archdsl(
        "eval", run / "best.arch", "--weights", run / "best.safetensors", "--data", data, "--json"
    )
    assert scored.exit_code == 0, scored.output
    assert json.loads(scored.stdout)["miou"] == pytest.approx(journal(run)[-1]["miou"], abs=1e-6)
    out = tmp_path / "taken.safetensors"
    taken = archdsl("extract", run, "-o", out, "--calibrate", 2, "--data", data)
    assert taken.exit_code == 0, taken.output
    assert "statistics of 2 batches" in taken.output
    assert archdsl("eval", run / "best.arch", "--weights", out, "--data", data).exit_code == 0


def test_other_settings_or_another_spec_are_not_gone_on_with(finished, spec):
    run = finished
    again = archdsl("search", spec, "--out", run, "--set", "epochs=1")
    assert again.exit_code == 1
    assert "--resume" in again.output
    other = archdsl("search", spec, "--resume", run, "--set", "epochs=2")
    assert other.exit_code == 1
    assert "epochs: 1, now 2" in other.output
    spec.write_text(SPEC.replace("one of {1..3}", "one of {1..2}"))
    changed = archdsl("search", spec, "--resume", run)
    assert changed.exit_code == 1
    assert "ARCH912" in changed.output


def settings(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text("utf-8"))["settings"]


def test_words_of_data_are_over_those_of_the_text_and_set_is_over_both(spec, tmp_path):
    words = ("--data", "synthetic:images=4,seed=5,crop=32x32", "--set", "epochs=1", "crop=32x64", "batch=2")
    assert archdsl("search", spec, "--out", tmp_path / "run", *words).exit_code == 0
    run = settings(tmp_path / "run")
    data = {"images": 4, "batch": 2, "size": [32, 64], "seed": 5, "crop": [32, 64]}
    assert run["data settings"] == data
    assert run["batch"] == 2
    assert sum(r["kind"] == "step" for r in journal(tmp_path / "run")) == 2


def test_data_of_another_kind_takes_nothing_but_the_batch_from_the_text(spec, tmp_path, monkeypatch):
    from PIL import Image

    from archdsl.data.opening import open_data

    drawn = open_data("synthetic", {"images": 4, "size": (32, 64)})
    for part, dataset in (("train", drawn.train), ("val", drawn.val)):
        for n in range(len(dataset)):
            for kind, picture in (("images", dataset[n].image), ("masks", dataset[n].mask.astype("uint8"))):
                path = tmp_path / "own" / kind / part / f"{n}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).save(path)
    monkeypatch.chdir(tmp_path / "own")
    classes = "+".join(drawn.train.classes)
    words = ("--data", f"folder:.,classes={classes}", "--set", "epochs=1", "--out", tmp_path / "run")
    result = archdsl("search", spec, *words)
    assert result.exit_code == 0, result.output
    assert settings(tmp_path / "run")["data settings"] == {"batch": 4, "classes": list(drawn.train.classes)}


def test_a_search_goes_on_with_the_words_that_it_was_started_with(spec, tmp_path, monkeypatch):
    words = ("--set", "epochs=2", "sampler=one_path", "--data", "synthetic:seed=3", "--seed", 7)
    assert archdsl("search", spec, "--out", tmp_path / "whole", *words).exit_code == 0
    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        count = itertools.count(1)
        patched.setattr("archdsl.cli.stopping.stop_signals", lambda: nullcontext(lambda: next(count) > 2))
        assert archdsl("search", spec, "--out", run, *words).exit_code == 130
    monkeypatch.chdir(run)
    again = archdsl("search", spec, "--resume", run)
    assert again.exit_code == 0, again.output
    assert journal(run) == journal(tmp_path / "whole")


DIFFERENT = (
    (("--set", "tau=2.5"), "sampler: {"),
    (("--seed", "1"), "seed: 0, now 1"),
    (("--data", "synthetic:crop=32x32"), "data settings: {"),
    (("--channels-last",), "channels_last: False, now True"),
)


def test_a_word_that_differs_from_those_of_the_run_is_refused(finished, spec):
    for word, said in DIFFERENT:
        result = archdsl("search", spec, "--resume", finished, *word)
        assert result.exit_code == 1
        assert "ARCH912" in result.output
        assert said in result.output


@pytest.mark.parametrize("setting", ["epoch=3", "sampler=gumble", "communicate=radio", "tau=0", "epochs=two"])
def test_a_setting_that_is_none_is_said_before_anything_is_written(spec, tmp_path, setting):
    result = archdsl("search", spec, "--out", tmp_path / "run", "--set", setting)
    assert result.exit_code == 1
    assert "ARCH606" in result.output
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_control_c_saves_and_says_how_to_go_on(spec, tmp_path):
    process = warm_started("search", spec, "--out", tmp_path / "run", "--set", "epochs=200", cwd=tmp_path)
    wait_for_steps(tmp_path / "run", 2)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=120)[0].decode()
    assert process.returncode == 130
    assert f"resume with: archdsl search {spec} --resume {tmp_path / 'run'}\n" in output
    assert list((tmp_path / "run" / "checkpoints").iterdir())


@pytest.mark.slow
def test_a_killed_search_goes_on_to_the_same_end(spec, tmp_path):
    """At two random moments; `benchmarks/kill_and_resume.py` does it at twenty."""
    words = ("--set", "epochs=2", "refine=2", "refine_epochs=1")
    assert archdsl("search", spec, "--out", tmp_path / "whole", *words).exit_code == 0
    run, rng = tmp_path / "killed", random.Random(0)
    process = warm_started("search", spec, "--out", run, *words)
    for _ in range(2):
        wait_for_steps(run, rng.randint(1, 4))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        process = warm_started("search", spec, "--resume", run)
    process.communicate(timeout=180)
    assert process.returncode == 0
    assert journal(run) == journal(tmp_path / "whole")
    assert (run / "best.arch").read_text() == (tmp_path / "whole" / "best.arch").read_text()


def wait_for_steps(run: Path, steps: int, seconds: float = 120) -> None:
    """Returns when the journal has that many steps, or the run has come to its end."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        path = run / "journal.jsonl"
        text = path.read_text("utf-8", errors="replace") if path.exists() else ""
        if text.count('"kind": "step"') >= steps or '"kind": "end"' in text:
            return
        time.sleep(0.05)
    raise AssertionError(f"no {steps} steps after {seconds} s")
