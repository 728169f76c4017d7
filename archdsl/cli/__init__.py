"""The command line: one module per command, imported on use.

Exit codes: 0 success, 1 errors in the spec or its inputs, 2 usage error or a file that cannot be opened, 70
internal error, 130 interrupted, 141 broken pipe.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import click

from archdsl.cli.group import NOBODY_READS, CommandGroup, print_version
from archdsl.cli.printing import forget_output, printed
from archdsl.diagnostics import SpecError, closest

_COMMANDS = {
    "check": ("archdsl.cli.check:check", "Prove that every network is well-typed, or show one that is not."),
    "fmt": ("archdsl.cli.fmt:fmt", "Format specs; comments are kept."),
    "explain": ("archdsl.cli.explain:explain", "Show decisions or layers; document names and error codes."),
    "compile": ("archdsl.cli.compile:compile_", "Compile to PyTorch, Python, ONNX or diagrams; list layers."),
    "passes": ("archdsl.cli.passes:passes", "List the passes of `compile --passes`, with their contracts."),
    "viz": ("archdsl.cli.viz:viz", "Draw a network, a space, or the tree of its decisions."),
    "cost": ("archdsl.cli.cost:cost", "Costs of a network by layer, or of the networks of a space."),
    "zoo": ("archdsl.cli.zoo:zoo", "List the shipped networks of other papers, with costs and accuracy."),
    "latency": ("archdsl.cli.latency:latency", "Build latency tables, and estimate the latency of networks."),
    "search": ("archdsl.cli.search:search", "Search a space; writes the network found, and a report."),
    "work": ("archdsl.cli.work:work", "Run trials of a search in a shared folder, on any machine."),
    "runs": ("archdsl.cli.runs:runs", "List searches and trainings with their progress and results."),
    "front": ("archdsl.cli.front:front", "Compare searches by trials by their Pareto fronts."),
    "extract": ("archdsl.cli.extract:extract", "Extract the weights of a network from a run."),
    "train": ("archdsl.cli.train:train", "Train a network on a dataset; resumable."),
    "eval": ("archdsl.cli.eval:eval_", "Evaluate trained weights: mIoU and IoU per class."),
    "predict": ("archdsl.cli.predict:predict", "Draw the predictions of a trained network on images."),
    "diff": ("archdsl.cli.diff:diff", "Compare two specs: decisions, cells, layers and costs."),
    "lift": ("archdsl.cli.lift:lift", "Turn a PyTorch model into a spec."),
    "widen": ("archdsl.cli.widen:widen", "Write the neighbourhood of a network as a space."),
    "sample": ("archdsl.cli.sample:sample", "Sample random networks of a space."),
    "fuzz": ("archdsl.cli.fuzz:fuzz", "Test random networks of a space on every backend."),
}  # fmt: skip


@click.group(
    cls=CommandGroup,
    lazy_commands=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every command has its own --help, with examples. Try: archdsl check specs/fasterseg.arch",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=print_version,
    help="Print the version and exit.",
)  # fmt: skip
@click.option(
    "--plugin", "plugins", multiple=True, metavar="NAME",
    help="Load an installed plug-in package; repeatable.",
)  # fmt: skip
def cli(plugins: Sequence[str]) -> None:
    """archdsl: a language for neural architectures and search spaces."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the `archdsl` command, and ends the process with its exit code."""
    # Nothing is left to collect for at the end, which takes a twentieth of the time of a large `check`.
    atexit.register(gc.freeze)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Runs a command line and returns the exit code."""
    with _streams(), printed():
        try:
            code = _run(arguments)
        except KeyboardInterrupt:  # while an error was printed
            code = 130
        except OSError:  # standard error is closed, too
            code = 1
        if code == NOBODY_READS or not _flushed():
            forget_output()
        return code


@contextmanager
def _streams() -> Iterator[None]:
    """A context manager that replaces closed standard streams (as by `>&-`) by the null device."""
    closed = [name for name in ("stdout", "stderr") if getattr(sys, name) is None]
    with ExitStack() as stack:
        for name in closed:
            setattr(sys, name, stack.enter_context(open(os.devnull, "w", encoding="utf-8")))
            stack.callback(setattr, sys, name, None)
        yield


def _run(arguments: Sequence[str]) -> int:
    try:
        code = cli.main(list(arguments), prog_name="archdsl", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        if isinstance(error, click.NoSuchOption) and error.ctx is not None:  # click guesses by shared letters
            known = [name for one in error.ctx.command.params for name in one.opts if name.startswith("--")]
            meant = closest(error.option_name, known)
            error = click.NoSuchOption(
                error.option_name, error.message, [meant] if meant else None, error.ctx
            )
        error.show()
        if isinstance(error, click.NoSuchOption) and error.option_name == "--plugin":
            click.echo("--plugin goes before the command: archdsl --plugin NAME check …", err=True)
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
    """Flushes standard output; returns whether that succeeded."""
    try:
        sys.stdout.flush()
    except OSError:
        return False
    return True


def _refused(error: Exception) -> int:
    """Reports a system error that is raised outside of commands, such as by the final flush; returns the exit
    code.
    """
    from archdsl.cli.findings import print_findings
    from archdsl.refusals import refusal

    found = error.diagnostics if isinstance(error, SpecError) else tuple(filter(None, [refusal(error)]))
    print_findings(found, err=True)
    return 1 if found else 0


def _lacking(error: Exception) -> int:
    """Reports a package that is not installed, as after `pip install --no-deps`; returns the exit code."""
    name = (error.name or "") if isinstance(error, ModuleNotFoundError) else ""
    package = name.partition(".")[0]
    if package in ("", "archdsl"):
        return 0
    message = f"archdsl: the Python package `{package}` is not installed, and this command needs it"
    click.echo(f"{message}; install it by pip install archdsl", err=True)
    return 1


def _report(error: Exception, arguments: Sequence[str]) -> int:
    import shlex

    from archdsl import plugins

    what = next(iter(f"{type(error).__name__}: {error}".splitlines()), "")[:200]
    command = shlex.join(["archdsl", *arguments])
    blamed = plugins.blamed(error)
    if blamed is not None:
        from archdsl.cli.findings import print_findings
        from archdsl.diagnostics import Diagnostic

        plugin, place = blamed
        print_findings(
            [Diagnostic("ARCH864", f"the plug-in {plugin} failed at {place}", help=what)], err=True
        )
        return 1
    also = f", or in a plug-in ({', '.join(plugins.used())})" if plugins.used() else ""
    click.echo(
        f"archdsl: internal error ({what}). This is a bug in archdsl{also}; please report it with this "
        f"command, and its output under ARCHDSL_DEBUG=1: {command}",
        err=True,
    )
    return 70
