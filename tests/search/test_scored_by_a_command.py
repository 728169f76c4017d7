"""`evaluate = command`: a program of the user's scores networks, and the command line alone names it."""

from __future__ import annotations

import json
import shlex
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from small_trials import register_in_turn, search_of, trials

import archdsl
from archdsl import SpecError
from archdsl.cli import run
from archdsl.runs.interrupted import Interrupted
from archdsl.search.evaluators import command as running

ENERGY = 'evaluate = command(timeout = 20 s, scores = ["energy"]); minimize energy'
COUNTS = """
import json, sys, archdsl
network = archdsl.load(sys.argv[-1]).network()
print("loaded")
print(json.dumps({"energy": network.params, "more": [1]}))
"""
QUICK = """
import json, sys
text = open(sys.argv[-1]).read()
print(json.dumps({"energy": len(text), "miou": 0.5}))
"""


@pytest.fixture(autouse=True)
def _in_turn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    register_in_turn(monkeypatch)
    monkeypatch.chdir(tmp_path)


def program(text: str, *arguments: str) -> list[str]:
    Path("score.py").write_text(text)
    return [sys.executable, "score.py", *arguments]


def searched(clauses: str, words: list[str]) -> list[dict]:
    """The trials of a search, which finds nothing where all of them failed."""
    with suppress(SpecError):
        archdsl.search(search_of(clauses), folder="run", command=words)
    return trials(Path("run"))


def failure(text: str, clauses: str = ENERGY) -> dict:
    first, second = searched(clauses, program(text))
    assert first["state"] == second["state"] == "failed"
    return first["failure"]


def test_the_program_reads_the_network_as_a_file_and_its_last_line_has_the_scores() -> None:
    found = archdsl.search(search_of(ENERGY), folder="run", command=program(COUNTS, "{}"))
    space = archdsl.load(search_of(ENERGY)).space()
    params = [space.bind({"y": outcome}).params for outcome in ("small", "large")]
    assert [trial["scores"] for trial in trials(Path("run"))] == [{"energy": count} for count in params]
    assert found.network.params == min(params)


def test_without_a_list_the_scores_are_those_that_goals_name() -> None:
    clauses = "evaluate = command; maximize miou; require miou >= 0.2"
    assert [trial["scores"] for trial in searched(clauses, program(QUICK))] == [{"miou": 0.5}] * 2


def test_the_command_line_names_the_program_and_no_file_of_the_run_does(capsys) -> None:
    program(QUICK)
    Path("s.arch").write_text(search_of(ENERGY))
    words = shlex.join([sys.executable, "score.py", "secret-word", "{}"])
    assert run(["search", "s.arch", "--command", words, "-o", "run"]) == 0
    assert "found" in capsys.readouterr().out
    for file in Path("run").rglob("*"):
        assert not file.is_file() or "secret-word" not in file.read_text(errors="replace"), file
    assert run(["search", "s.arch", "--resume", "run"]) == 1
    assert "ARCH952" in capsys.readouterr().err
    assert run(["search", "s.arch", "--resume", "run", "--command", words]) == 0


@pytest.mark.parametrize(
    "words", [("search", "s", "--command", "x y", "-o", "r"), ("search", "s", "--command=x y", "-o", "r")]
)
def test_a_recorded_command_line_lacks_the_program(words: tuple[str, ...]) -> None:
    from archdsl.search.options import without_program

    assert without_program(words) == ("search", "s", "-o", "r")


def test_without_a_program_the_search_is_refused_at_its_place() -> None:
    for words in (None, [], ["no-such-program-here"]):
        with pytest.raises(SpecError) as found:
            archdsl.search(search_of(ENERGY), folder="run", command=words)
        (error,) = found.value.diagnostics
        assert error.code == "ARCH952"
        assert error.primary.location.source.text[error.primary.location.start :].startswith("command(")
    assert not Path("run").exists()
    with pytest.raises(SpecError, match="no effect"):
        archdsl.search(search_of("minimize macs"), folder="run", command=program(QUICK))
    with pytest.raises(TypeError, match="list of strings"):
        archdsl.search(search_of(ENERGY), folder="run", command="python score.py")


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("print('{}')", "output", "no score energy"),
        ("print('12')", "output", "not an object"),
        ("print('[' * 100000)", "output", "no JSON"),
        ("print('{\"energy\": 1}'); print('done')", "output", "no JSON"),
        ("pass", "output", "nothing"),
        ("print('{\"energy\": NaN}')", "nan", "not a finite number"),
        ("print('{\"energy\": 1e999}')", "nan", "not a finite number"),
        ("print('{\"energy\": ' + '9' * 400 + '}')", "output", "no JSON"),
        ('print(\'{"energy": 1, "energy": 2}\')', "output", "duplicate key 'energy'"),
        ("print('{\"energy\": true}')", "output", "not a number"),
        ('print(\'{"energy": "1"}\')', "output", "not a number"),
        ("raise SystemExit(3)", "output", "status 3"),
        ("import os; os.abort()", "output", "SIGABRT"),
        ("print('{\"energy\": ' + ' ' * 10**6 + '1}')", "output", "no JSON"),
    ],
)
def test_what_is_not_a_score_is_a_failed_trial(text: str, kind: str, reason: str) -> None:
    found = failure(text)
    assert found["kind"] == kind
    assert reason in found["reason"]


def test_the_output_of_a_failed_program_is_kept_up_to_a_size() -> None:
    found = failure("import sys; print('x' * 10**6); sys.exit('it is broken here')")
    assert found["detail"].endswith("it is broken here")
    assert len(found["detail"]) < 10_000


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open("child", "w").write(str(child.pid))
print("working", flush=True)
time.sleep(600)
"""


def test_a_program_that_hangs_is_ended_with_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_GRACE_S", 0.2)
    found = failure(STUBBORN, ENERGY.replace("20 s", "0.6 s"))
    assert found["reason"] == "the command took longer than 0.6 s"
    assert found["detail"] == "working"
    assert is_gone(int(Path("child").read_text()))


def test_a_child_that_keeps_the_output_open_does_not_hold_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_GRACE_S", 0.2)
    text = 'import subprocess, sys\nsubprocess.Popen(["sleep", "600"])\n' + QUICK
    assert [trial["state"] for trial in searched(ENERGY, program(text))] == ["scored", "scored"]


def test_a_search_that_is_to_stop_ends_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_GRACE_S", 0.2)
    with pytest.raises(Interrupted):
        archdsl.search(
            search_of(ENERGY), folder="run", command=program(STUBBORN), stop=lambda: Path("child").exists()
        )
    assert trials(Path("run")) == []
    assert is_gone(int(Path("child").read_text()))


def is_gone(process: int) -> bool:
    """Whether a process ended, or was ended and is not collected yet by whoever adopted it."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("clauses", "code"),
    [
        ("evaluate = command; minimize energy", "ARCH601"),
        ('evaluate = command(scores = ["macs"]); minimize macs', "ARCH203"),
        ('evaluate = command(scores = ["adam"]); minimize adam', "ARCH203"),
        ('evaluate = command(scores = ["No Name"]); minimize macs', "ARCH607"),
        ('evaluate = command(scores = ["energy", "energy"]); minimize energy', "ARCH607"),
        ('evaluate = command(scores = ["energy"]); minimize miou', "ARCH606"),
        ("evaluate = command(timeout = 3); minimize miou", "ARCH607"),
        ('evaluate = command; minimize miou(omit = ["sky"])', "ARCH606"),
    ],
)
def test_names_of_scores_are_checked(clauses: str, code: str) -> None:
    with pytest.raises(SpecError) as found:
        archdsl.search(search_of(clauses), folder="run", command=program(QUICK))
    assert found.value.diagnostics[0].code == code


def test_check_knows_the_scores_that_a_search_declares() -> None:
    assert archdsl.check(search_of(ENERGY)).diagnostics == ()
    spec = search_of('minimize log(energy) + 2 * energy; evaluate = command(scores = ["energy"])')
    assert archdsl.check(spec).diagnostics == ()
    assert json.dumps(sorted(archdsl.load(spec).searches)) == '["Q"]'
