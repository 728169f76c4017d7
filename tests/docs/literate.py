"""Documentation that runs: the fenced blocks of a page, and what becomes of each.

An `arch` block follows a line that ends in its file's name and a colon (`small.arch`:) and is written
under that name; a `python` or `toml` block likewise, unless the file is one of archdsl's own, and a
pyproject.toml is installed as pip would.  A `console` block holds commands, each after `$ `, and what they
print; another `python` block is run, a `pycon` block is run as by doctest; all Python of a page shares its
names.
`…` in expected output stands for anything.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archdsl.cli import run
from strangers import install_project

ROOT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FOUND = re.compile(r"^error\[|: [1-9]\d* failures?$", re.MULTILINE)
_FILE = re.compile(r"`([\w./]+)`:\s*\Z")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the line it starts on, and the file it is the text of."""

    language: str
    text: str
    line: int
    file: str | None

    def __str__(self) -> str:
        return f"{self.language}, line {self.line}"


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text("utf-8")
    found = []
    for match in _FENCE.finditer(text):
        named = _FILE.search(text, max(0, match.start() - 200), match.start())
        file = named[1] if named and _is_written(match[1], named[1]) else None
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(match[1], match[2], line, file))
    return found


def _is_written(language: str, file: str) -> bool:
    return language == "arch" or (language in ("python", "toml") and not file.startswith("archdsl/"))


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with the output shown."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command = command[:-1] + more.strip()
        yield command, shown


class Page:
    """Runs the blocks of a page one after another; files are those of the current folder."""

    def __init__(self) -> None:
        self.names: dict[str, object] = {"__name__": "page"}

    def run(self, block: Block) -> None:
        """Raises AssertionError where a block does not do what it shows."""
        if block.file is not None:
            path = Path(block.file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
            if path.name == "pyproject.toml":
                install_project(path.absolute())
        elif block.language == "console":
            for command, shown in commands(block):
                self.command(command, shown)
        elif block.language == "python":
            exec(compile(block.text, str(block), "exec", dont_inherit=True), self.names)
        elif block.language == "pycon":
            self.doctest(block)

    @staticmethod
    def command(command: str, shown: str) -> None:
        code, printed = archdsl(command)
        assert matches(shown, printed), f"$ {command}\n{printed}"
        assert code == (1 if _FOUND.search(printed) else 0), (command, code)

    def doctest(self, block: Block) -> None:
        test = doctest.DocTestParser().get_doctest(block.text, self.names, str(block), None, block.line)
        said = io.StringIO()
        runner = doctest.DocTestRunner(_Checker())
        runner.run(test, out=said.write, clear_globs=False)
        self.names = test.globs
        assert runner.failures == 0, said.getvalue()


class _Checker(doctest.OutputChecker):
    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return matches(want, got)


def archdsl(command: str) -> tuple[int, str]:
    """Exit code and output, that for people first, of an `archdsl` command, which may end in `> FILE`."""
    words = shlex.split(command)
    assert words[0] == "archdsl", f"cannot run {command}"
    target = Path(words[-1]) if words[-2] == ">" else None
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(words[1:-2] if target else words[1:])
    if target is not None:
        target.write_text(out.getvalue(), "utf-8")
        return code, err.getvalue()
    return code, err.getvalue() + out.getvalue()


def matches(shown: str, printed: str) -> bool:
    """Whether output is what is shown; `…` in what is shown is anything, spaces at line ends do not count."""
    pattern = ".*?".join(re.escape(part) for part in _trimmed(shown).split("…"))
    return re.fullmatch(pattern, _trimmed(printed), re.DOTALL) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").split("\n"))
