"""A kind of data of another package has settings of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

import archdsl
from archdsl import SpecError
from archdsl.data import open_data
from strangers import install, undone

MODULE = '''\
from dataclasses import dataclass

import numpy as np

from archdsl.configs import datasets
from archdsl.configs.datasets import DatasetKind
from archdsl.configs.setting import setting
from archdsl.data import Sample, Splits


@dataclass(frozen=True)
class Stripes(datasets.Batched):
    """Stripes of two classes."""

    every: int = setting("whole", "rows of a stripe", 4, low=1, high=64)


class Drawn:
    name, classes, colours, channels = "stripes", ("a", "b"), ((0, 0, 0), (255, 255, 255)), 3

    def __init__(self, every):
        self.every = every

    def __len__(self):
        return 4

    def __getitem__(self, i):
        rows = (np.arange(64) // self.every % 2).astype(np.uint8)
        mask = np.tile(rows[:, None], (1, 64))
        return Sample(np.stack([mask * 90] * 3, -1), mask, f"stripes {i}")

    def fingerprint(self):
        return f"stripes {self.every}"


def drawn(config):
    return Splits(Drawn(config.every), Drawn(config.every))


KIND = DatasetKind("stripes", Stripes, samples=drawn)
'''


NETWORK = """arch 1
network N {
  input image: [3, 64, 64]
  output y = image -> conv(c = 2)
}
"""


def test_settings_of_a_kind_of_data_are_those_of_its_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("site").mkdir()
    Path("site/striped.py").write_text(MODULE)
    with undone():
        install(Path("site").absolute(), "striped", {"archdsl.datasets": {"stripes": "striped:KIND"}})
        archdsl.use("striped")
        assert open_data("stripes", {}).train[0].mask[:9, 0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 0]
        assert open_data("stripes", {"every": 2}).val[0].mask[:4, 0].tolist() == [0, 0, 1, 1]
        for settings, words in (
            ({"every": 0}, "whole number|integer"),
            ({"size": (64, 64)}, "no setting `size`"),
        ):
            with pytest.raises(SpecError) as caught:
                open_data("stripes", settings)
            (found,) = caught.value.diagnostics
            assert found.code == "ARCH906"
            assert any(word in f"{found.headline} {found.help}" for word in words.split("|"))
        archdsl.train(NETWORK, data="stripes:every=2", epochs=1, batch=2, folder="run", device="cpu")
        assert "stripes 2" in Path("run/manifest.json").read_text()
