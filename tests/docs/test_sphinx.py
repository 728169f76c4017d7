"""The documentation builds without warnings, where what builds it is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from literate import ROOT

import archdsl

for package in ("sphinx", "furo", "myst_parser"):
    pytest.importorskip(package)


def test_the_documentation_builds_without_warnings(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(ROOT / "docs"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert archdsl.__version__ in (tmp_path / "index.html").read_text("utf-8")
