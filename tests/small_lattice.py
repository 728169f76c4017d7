"""A small search with a decoder of branches, to run in tests."""

from __future__ import annotations

from pathlib import Path

from archdsl.resources import specs_folder

SEARCH = """
search Q for FasterSeg {{
  data = synthetic(batch = 2, images = 4)
  sampler = softmax
  epochs = 1
  decode = branches(into = {into}, ends = [[32], [8, 16]], select = pair{more})
  minimize {objective}
}}
"""


def text(
    more: str = "", into: str = "FasterSegBranches", layers: int = 4, objective: str = "cross_entropy"
) -> str:
    """A search with a decoder over a lattice of few layers and one width, as a file of its own."""
    source = (specs_folder() / "fasterseg.arch").read_text("utf-8")
    small = source.replace("units = {4, 6, 8, 10, 12}", "units = {2}").replace(
        "last: int = 8", "last: int = 2"
    )
    small = small.replace("layers = 16", f"layers = {layers}").replace("[3, 1024, 2048]", "[3, 64, 128]")
    return small.partition("# Two searches")[0] + SEARCH.format(more=more, into=into, objective=objective)


def small_spec(folder: Path, more: str = "", layers: int = 4, objective: str = "cross_entropy") -> Path:
    """A small search with a decoder in a folder, beside the space of its branches."""
    spec = folder / "small.arch"
    spec.write_text(text(more, layers=layers, objective=objective), "utf-8")
    branches = (specs_folder() / "fasterseg_branches.arch").read_text("utf-8")
    branches = branches.replace("last: int = 8", "last: int = 2").replace(
        "units = {4, 6, 8, 10, 12}", "units = {2}"
    )
    (folder / "fasterseg_branches.arch").write_text(
        branches.replace("[3, 1024, 2048]", "[3, 64, 128]"), "utf-8"
    )
    return spec
