"""Benchmarks, which no test runs, can be imported, and import names that are there."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_names_that_a_benchmark_imports_from_archdsl_exist(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "archdsl":
            module = import_module(node.module or "")
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                submodule = hasattr(module, "__path__") and find_spec(inside) is not None
                assert submodule or hasattr(module, alias.name), f"line {node.lineno}: {inside}"


IMPORTED = """
import sys, traceback
from importlib import import_module
from pathlib import Path
for path in sorted(Path(sys.path[0]).glob("*.py")):
    before = list(sys.path)
    try:
        import_module(path.stem)
    except Exception as error:
        print(f"{path.name}: {type(error).__name__}: {error}")
    sys.path[:] = before
"""


@pytest.mark.slow
def test_benchmarks_can_be_imported() -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(FOLDER), str(FOLDER.parent)])}
    code = f"import sys; sys.path.insert(0, {str(FOLDER)!r}){IMPORTED}"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0), done.stderr
