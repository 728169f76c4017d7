"""Metrics for TensorBoard, by a stand-in for its writer, which need not be installed."""

from __future__ import annotations

import errno
import os
import sys
import types
from pathlib import Path

import pytest

from archdsl.diagnostics import SpecError
from archdsl.runs.events import scalars


class Writer:
    def __init__(self, folder: str, flush_secs: int):
        if folder.endswith("full"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def add_scalar(self, name: str, value: float, step: int) -> None:
        if step > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(autouse=True)
def tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)


def test_a_full_disk_is_a_finding(tmp_path: Path):
    with pytest.raises(SpecError) as error:
        scalars(tmp_path / "full")
    assert error.value.diagnostics[0].code == "ARCH917"
    scalar = scalars(tmp_path / "events")
    scalar("loss", 0.5, 1)
    with pytest.raises(SpecError) as error:
        scalar("loss", 0.4, 2)
    assert error.value.diagnostics[0].code == "ARCH917"
