"""How the process ends: exit codes, quiet interrupts, and what is never imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import click
import pytest

from archdsl.cli import cli, run
from archdsl.diagnostics import Diagnostic, SpecError

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def verb(monkeypatch) -> Callable[[Callable[[], None]], None]:
    """Gives the command line a verb `try` that does what a function does."""

    def install(action: Callable[[], None]) -> None:
        module = ModuleType("verb_of_a_test")
        module.command = click.command("try")(action)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(cli.lazy_commands, "try", (f"{module.__name__}:command", "Tried."))

    return install


def raising(error: BaseException) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


def archdsl(*words: str, **kwargs: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "archdsl", *words]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", cwd=ROOT, check=False, **kwargs
    )  # type: ignore[call-overload,no-any-return]


def test_findings_end_with_1_and_are_printed_on_standard_error(verb, capsys):
    verb(raising(SpecError([Diagnostic("ARCH301", "channels differ")])))
    assert run(["try"]) == 1
    assert capsys.readouterr().err.startswith("error[ARCH301]: channels differ\n")


def test_a_file_that_cannot_be_written_ends_with_2_and_says_which(verb, tmp_path: Path, capsys):
    verb(lambda: (tmp_path / "none" / "a").write_text(""))
    assert run(["try"]) == 2
    assert f"{tmp_path / 'none' / 'a'}: no such file or directory" in capsys.readouterr().err


def test_an_error_of_archdsl_itself_asks_in_one_line_to_be_reported_with_its_command(verb, capsys):
    verb(raising(ZeroDivisionError("division\nby zero")))
    assert run(["try", "--", "it's"][:1]) == 70
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "please report" in message
    assert message.endswith("archdsl try\n")


def test_an_error_of_archdsl_itself_is_shown_whole_to_who_debugs_it(verb, monkeypatch):
    monkeypatch.setenv("ARCHDSL_DEBUG", "1")
    verb(raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        run(["try"])


def test_an_interrupt_is_quiet(verb, capsys):
    verb(raising(KeyboardInterrupt()))
    assert run(["try"]) == 130
    printed = capsys.readouterr()
    assert printed.out + printed.err == ""


def test_usage_ends_with_2():
    assert archdsl("check").returncode == 2
    assert archdsl("check", "--format", "xml", "gas").returncode == 2


def test_a_terminal_that_lacks_a_character_shows_its_number():
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = archdsl("check", "-", input="arch 1\nspace 漢 {}\n", env=environment)
    assert (done.returncode, done.stderr) == (1, "")
    assert "2 | space \\u6f22 {}" in done.stdout


def test_the_version_is_printed():
    done = archdsl("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("archdsl ")


def test_a_reader_that_goes_away_is_no_error():
    """Like `archdsl explain … | head -1`."""
    command = [sys.executable, "-m", "archdsl", "explain", "specs/fasterseg.arch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


HEAVY = ("torch", "onnx", "onnxruntime", "numpy", "pydantic", "rich", "networkx", "PIL")


@pytest.mark.parametrize(
    ("words", "never"),
    [
        (["check", "specs/fasterseg_student.arch"], HEAVY),
        (["check", "specs/fasterseg.arch"], HEAVY),
        (["fmt", "--check", "specs/gas.arch"], HEAVY),
        (["explain", "specs/fasterseg.arch"], ("torch", "onnx", "onnxruntime")),
        (["explain", "ARCH301"], HEAVY),
        (["viz", "specs/gas.arch", "-o", "{tmp}/gas.dot"], ("torch", "onnx", "onnxruntime")),
        (["sample", "specs/gas.arch"], ("torch", "onnx", "onnxruntime")),
        (["diff", "specs/autortnet_a.arch", "specs/autortnet_b.arch"], ("torch", "onnx", "onnxruntime")),
    ],
)
def test_a_verb_imports_nothing_heavy_that_it_does_not_need(words, never, tmp_path: Path):
    script = (
        "import sys; from archdsl.cli import run; code = run(sys.argv[1:]); print(file=sys.stderr);"
        "print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    words = [word.format(tmp=tmp_path) for word in words]
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stderr.splitlines()[-1].split()) & set(never) == set()


def test_a_package_that_is_not_installed_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "n.arch").write_text(
        "arch 1\n\nnetwork N {\n  input x: [3, 8, 8]\n  output y = x -> conv\n}\n"
    )
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert run(["cost", str(tmp_path / "n.arch")]) == 1
    assert "package `numpy` is not installed" in capsys.readouterr().err


def test_a_module_of_archdsl_that_is_missing_is_a_mistake_in_archdsl(verb, capsys):
    verb(raising(ModuleNotFoundError("No module named 'archdsl.gone'", name="archdsl.gone")))
    assert run(["try"]) == 70
    assert "internal error" in capsys.readouterr().err


@pytest.mark.parametrize("closed", [["stdout"], ["stderr"], ["stdout", "stderr"]])
def test_a_command_runs_where_standard_output_is_closed(verb, monkeypatch, closed):
    ran = []

    def action() -> None:
        ran.append(True)
        click.echo("seen by nobody")
        click.echo("nor this", err=True)
        print("nor this")

    verb(action)
    for name in closed:
        monkeypatch.setattr(sys, name, None)
    assert run(["try"]) == 0
    assert ran == [True]
    assert [getattr(sys, name) for name in closed] == [None] * len(closed)


@pytest.mark.skipif(os.name == "nt", reason="of shells")
def test_a_closed_standard_output_is_no_traceback(tmp_path):
    (tmp_path / "n.arch").write_text(
        "arch 1\nnetwork N {\n  input image: [3, 8, 8]\n  output y = image -> relu\n}\n"
    )
    command = f"exec {sys.executable} -m archdsl check {tmp_path}/n.arch >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
