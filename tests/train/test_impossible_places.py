"""Functions for Python raise SpecError for places where nothing can be written or read."""

from __future__ import annotations

from pathlib import Path

import pytest

import archdsl

NETWORK = "arch 1\nnetwork N { input image: [3, 32, 32] output y = image -> conv(c = 11) }\n"
SPACE = """arch 1
space S { input image: [3, 32, 32] d = one of {1, 3} output y = image -> conv(c = 11, k = d) }
search Q for S { minimize params strategy = random evaluate = costs trials = 2 }
"""
DOORS = {
    "a folder of a training": lambda place: archdsl.train(NETWORK, "synthetic:images=2", folder=place),
    "a folder of a search": lambda place: archdsl.search(SPACE, folder=place),
    "a file of a network": lambda place: archdsl.export(archdsl.compile(NETWORK), f"{place}/n.safetensors"),
    "a spec": lambda place: archdsl.load(place),
    "a file of weights": lambda place: archdsl.evaluate(NETWORK, "synthetic:images=2", weights=place),
}


@pytest.mark.parametrize("place", ["inside of a file", "a long name", "a null byte"])
@pytest.mark.parametrize("door", DOORS)
def test_a_place_that_cannot_be_is_told_with_its_cause(door: str, place: str, tmp_path: Path):
    (tmp_path / "file").touch()
    ending = {"inside of a file": "file/run", "a long name": "n" * 300, "a null byte": "a\0b"}[place]
    with pytest.raises(archdsl.SpecError) as raised:
        DOORS[door](str(tmp_path / ending))
    assert raised.value.diagnostics[0].code in {"ARCH001", "ARCH715", "ARCH719"}
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
