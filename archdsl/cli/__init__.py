"""The command line: one file a verb, each imported only when it is called for.

Exit codes: 0 all is well, 1 the spec has findings, 2 the command was not understood or a file could not be
opened, 70 an error of archdsl itself, 130 interrupted, 141 nobody reads the output any more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from archdsl.cli.group import NOBODY_READS, VerbGroup, print_version
from archdsl.cli.printing import forget_output, printed
from archdsl.diagnostics import SpecError

_VERBS = {
    "check": ("archdsl.cli.check:check", "Prove that every network is well-typed, or show one that is not."),
    "fmt": ("archdsl.cli.fmt:fmt", "Write specs in the canonical format; every comment stays."),
    "explain": ("archdsl.cli.explain:explain", "Decisions and sizes, layers, or the page of an error code."),
    "compile": ("archdsl.cli.compile:compile_", "Make PyTorch, Python, ONNX, a diagram, or a layer table."),
    "passes": ("archdsl.cli.passes:passes", "List the passes of `compile --passes`, with their contracts."),
    "viz": ("archdsl.cli.viz:viz", "Draw a network, a space, or the tree of its decisions."),
    "cost": ("archdsl.cli.cost:cost", "What a network costs by layer, or the networks of a space."),
    "latency": ("archdsl.cli.latency:latency", "Time ops on this machine; estimate networks, with an error."),
    "search": ("archdsl.cli.search:search", "Search a space; what is found is a spec again, with a report."),
    "work": ("archdsl.cli.work:work", "Run trials of a search whose folder several machines share."),
    "runs": ("archdsl.cli.runs:runs", "List searches and trainings, how far they are, and the best so far."),
    "front": ("archdsl.cli.front:front", "Compare searches by trials: their Pareto fronts in one picture."),
    "extract": ("archdsl.cli.extract:extract", "Weights of a network, out of the supernet of a search."),
    "train": ("archdsl.cli.train:train", "Train a network on images; resumes where it was stopped."),
    "eval": ("archdsl.cli.eval:eval_", "mIoU and IoU by class of trained weights."),
    "predict": ("archdsl.cli.predict:predict", "Draw what a trained network sees in images."),
    "diff": ("archdsl.cli.diff:diff", "Decisions, cells, layers and costs in which two specs differ."),
    "sample": ("archdsl.cli.sample:sample", "Random networks of a space, as .arch text."),
    "fuzz": ("archdsl.cli.fuzz:fuzz", "Put random networks of a space through every backend and compare."),
}  # fmt: skip


@click.group(
    cls=VerbGroup,
    verbs=_VERBS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every verb has its own --help, with examples.  Try: archdsl check specs/fasterseg.arch",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=print_version,
    help="Print the version and stop.",
)  # fmt: skip
@click.option(
    "--plugin", "plugins", multiple=True, metavar="NAME",
    help="Load an installed package that adds to archdsl; may be repeated.",
)  # fmt: skip
def cli(plugins: Sequence[str]) -> None:
    """archdsl: search spaces and networks as text, checked as a whole and compiled."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The `archdsl` command; ends the process."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Runs a command line and returns the exit code."""
    with printed():
        try:
            code = _run(arguments)
        except KeyboardInterrupt:  # while an error was printed
            code = 130
        except OSError:  # nobody takes what there is to say of an error either
            code = 1
        if code == NOBODY_READS or not _flushed():
            forget_output()
        return code


def _run(arguments: Sequence[str]) -> int:
    try:
        code = cli.main(list(arguments), prog_name="archdsl", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        if isinstance(error, click.NoSuchOption) and error.option_name == "--plugin":
            click.echo("It stands before the verb: archdsl --plugin NAME check …", err=True)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        return NOBODY_READS
    except Exception as error:  # the one place that must not let an error through to the user
        if os.environ.get("ARCHDSL_DEBUG") == "1":
            raise
        return _refused(error) or _lacking(error) or _report(error, arguments)
    return code if isinstance(code, int) else 0


def _flushed() -> bool:
    """Whether standard output took all that was printed."""
    try:
        sys.stdout.flush()
    except OSError:
        return False
    return True


def _refused(error: Exception) -> int:
    """Says what the machine refused outside of any verb, as at the last flush of the output: 1, or 0."""
    from archdsl.cli.findings import print_findings
    from archdsl.cli.refusals import refusal

    found = error.diagnostics if isinstance(error, SpecError) else tuple(filter(None, [refusal(error)]))
    print_findings(found, err=True)
    return 1 if found else 0


def _lacking(error: Exception) -> int:
    """Names a package that is not installed, as after `pip install --no-deps`: 1, or 0."""
    name = (error.name or "") if isinstance(error, ModuleNotFoundError) else ""
    package = name.partition(".")[0]
    if package in ("", "archdsl"):
        return 0
    message = f"archdsl: the Python package `{package}` is not installed, and this command needs it"
    click.echo(f"{message}; pip install archdsl installs all that it needs", err=True)
    return 1


def _report(error: Exception, arguments: Sequence[str]) -> int:
    import shlex

    what = next(iter(f"{type(error).__name__}: {error}".splitlines()), "")[:200]
    command = shlex.join(["archdsl", *arguments])
    click.echo(
        f"archdsl: internal error ({what}). This is a mistake in archdsl, not in your spec; please report it"
        f" with this command, and what it prints after ARCHDSL_DEBUG=1: {command}",
        err=True,
    )
    return 70
