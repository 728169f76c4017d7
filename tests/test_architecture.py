"""Rooms import in one direction, and commands import no more than they need (see docs/architecture.md)."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "archdsl"

ROOMS = (
    "diagnostics",
    "refusals",
    "resources",
    "atomic",
    "bounded",
    "checksums",
    "collector",
    "frames",
    "registry",
    "plugins",
    "calling",
    "codes",
    "render",
    "configs",
    "lang",
    "ir",
    "ops",
    "passes",
    "spec",
    "fold",
    "backends",
    "program",
    "lift",
    "widen",
    "devices",
    "report",
    "data",
    "runs",
    "train",
    "search",
    "cli",
)
"""Low to high: a room imports only rooms that stand before it."""

INSIDE = {"passes": ("analyses", "transforms", "costs"), "spec": ("deciding", "evaluate", "prove")}
"""Folders of rooms, low to high: their files import only folders that stand before their own."""

ENTRANCES = {"__init__", "__main__"}
"""The package itself and its command; they may import any room."""

HEAVY = ("networkx", "numpy", "onnx", "onnxruntime", "pydantic", "rich", "scipy", "torch")


def rooms() -> set[str]:
    inside = (path for path in PACKAGE.iterdir() if path.suffix == ".py" or any(path.rglob("*.py")))
    return {path.stem for path in inside} - ENTRANCES


@cache
def import_nodes() -> dict[Path, list[ast.Import | ast.ImportFrom]]:
    """The imports of each file of the package, also inside functions."""
    return {
        path: [
            node
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imports() -> Iterator[tuple[str, str, str]]:
    """(room, imported room, place) of every import of one room by another, also inside functions."""
    for path, nodes in import_nodes().items():
        room = path.relative_to(PACKAGE).with_suffix("").parts[0]
        for node in nodes:
            for name in _imported(node):
                head, _, rest = name.partition(".")
                other = rest.partition(".")[0]
                if head == "archdsl" and other in ROOMS and other != room:
                    yield room, other, f"{path.relative_to(ROOT)}:{node.lineno}"


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.module is None:
        return []
    if node.module == "archdsl":
        return [f"archdsl.{alias.name}" for alias in node.names]
    return [node.module]


def test_every_room_has_its_place_in_the_order() -> None:
    assert sorted(rooms()) == sorted(ROOMS)


def test_rooms_import_only_rooms_below_them() -> None:
    place = {room: n for n, room in enumerate(ROOMS)}
    upward = [
        f"{where}: {room} imports {other}"
        for room, other, where in imports()
        if room not in ENTRANCES and place[other] > place[room]
    ]
    assert upward == []


@pytest.mark.parametrize(("room", "folders"), INSIDE.items())
def test_folders_of_a_room_import_only_those_below_them(room: str, folders: tuple[str, ...]) -> None:
    upward = []
    for n, folder in enumerate(folders):
        for path, nodes in import_nodes().items():
            for node in nodes if path.is_relative_to(PACKAGE / room / folder) else ():
                above = [f"archdsl.{room}.{other}." for other in folders[n + 1 :]]
                if any(f"{name}.".startswith(tuple(above)) for name in _imported(node) if above):
                    upward.append(f"{path.relative_to(ROOT)}:{node.lineno}")  # type: ignore[attr-defined]
    assert upward == []


def test_no_files_import_each_other_in_a_circle() -> None:
    """Also not inside functions, or for types alone."""
    files = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in import_nodes()
    }
    imported = {name: _files_of(path, files) - {name} for name, path in files.items()}
    while leaves := {name for name, others in imported.items() if not others & imported.keys()}:
        imported = {name: others for name, others in imported.items() if name not in leaves}
    while entries := imported.keys() - set().union(*imported.values()):
        imported = {name: others for name, others in imported.items() if name not in entries}
    assert imported.keys() == set()


def _files_of(path: Path, files: dict[str, Path]) -> set[str]:
    """The files of the package that one imports, by the names they have in it."""
    found = set()
    for node in import_nodes()[path]:
        names = [name.removeprefix("archdsl.") for name in _imported(node)]
        if isinstance(node, ast.ImportFrom):
            below = {f"{name}.{alias.name}" for name in names for alias in node.names}
            names = [name for name in below if name in files] or names
        found.update(name for name in names if name in files)
    return found


def test_no_import_is_relative() -> None:
    relative = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, nodes in import_nodes().items()
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_the_documentation_lists_the_rooms_in_this_order() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)(?:/|\.py)` ", text, re.MULTILINE)
    assert tuple(listed) == ROOMS


def modules_after(*command: str, folder: Path) -> set[str]:
    """The top-level modules that a process has imported after an `archdsl` command that succeeds."""
    code = (
        "import sys\n"
        "from archdsl.cli import run\n"
        "code = run(sys.argv[1:])\n"
        "print('imported', *{name.partition('.')[0] for name in sys.modules})\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("spec", ["autortnet_a.arch", "space.arch"])
def test_check_imports_nothing_heavy(spec: str, tmp_path: Path) -> None:
    found = modules_after("check", str(ROOT / "specs" / spec), folder=tmp_path)
    assert found & set(HEAVY) == set()


def test_fmt_imports_nothing_heavy(tmp_path: Path) -> None:
    found = modules_after("fmt", "--check", str(ROOT / "specs" / "space.arch"), folder=tmp_path)
    assert found & set(HEAVY) == set()


@pytest.mark.parametrize(
    "command",
    [
        ("explain", "{specs}/autortnet_a.arch"),
        ("explain", "{specs}/fasterseg.arch"),
        ("viz", "{specs}/space.arch", "-o", "picture.svg"),
        ("viz", "{specs}/gas_like.arch", "-o", "picture.dot"),
        ("sample", "{specs}/space.arch"),
        ("diff", "{specs}/template_arch0.arch", "{specs}/template_arch1.arch"),
        ("runs", "."),
    ],
    ids=" ".join,
)
def test_what_makes_no_module_does_not_import_torch(command: tuple[str, ...], tmp_path: Path) -> None:
    words = [word.format(specs=ROOT / "specs") for word in command]
    assert "torch" not in modules_after(*words, folder=tmp_path)


def test_importing_the_package_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys, archdsl; archdsl.load; archdsl.SpecError; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert {name.partition(".")[0] for name in done.stdout.split()} & set(HEAVY) == set()


def test_values_of_the_language_are_typed() -> None:
    """`Any` stands where values come from outside; what an expression can be is a union (`SpecValue`)."""
    spec = [path.read_text("utf-8") for path in (PACKAGE / "spec").rglob("*.py")]
    assert sum(len(re.findall(r"\bAny\b", text)) for text in spec) <= 40
