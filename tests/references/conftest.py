"""Where the reference data lies, and one thread for torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

_SHARED = Path(__file__).resolve().parents[3] / "shared"


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def reference() -> Callable[[str], Path]:
    """The path of a file of the reference data; skips where it is absent.

    The data are in the folder `reference` of the folder that the environment variable ARCHDSL_SHARED
    names, which is `shared` beside the checkout where the variable is not set.
    """
    folder = Path(os.environ.get("ARCHDSL_SHARED", _SHARED)) / "reference"

    def find(name: str) -> Path:
        path = folder / name
        if not path.is_file():
            pytest.skip(f"no reference data: {path} (set ARCHDSL_SHARED)")
        return path

    return find
