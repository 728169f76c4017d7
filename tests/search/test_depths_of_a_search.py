"""Depth decisions are found from the graph: only they are delayed by `gates_from`."""

from __future__ import annotations

from pathlib import Path

import archdsl
from archdsl.runs.reporter import Reporter
from archdsl.search.options import SearchOptions
from archdsl.search.run import prepared
from small_search import SPEC

NUMBERS = """arch 1

space Numbers(; classes = 11) {
  input image: [3, 32, 64]
  dilation = one of {1, 2}
  groups = one of {1, 2}
  x = image -> conv(c = 4, s = 2) -> conv(c = 4, d = dilation, g = groups)
  output logits = x -> conv(c = classes, k = 1) -> upsample(like = image)
}

search Quick for Numbers {
  strategy = differentiable(epochs = 3, gates_from = 1)
  data = synthetic(images = 4, batch = 2)
  minimize cross_entropy
}
"""


class Heard(Reporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def warn(self, line: str) -> None:
        self.lines.append(line)


def delayed(text: str, folder: Path) -> tuple[set[str], list[str]]:
    """The decisions that are not trained in the first epoch, and what is warned of."""
    heard = Heard()
    program = archdsl.load("spec.arch", text=text)
    with prepared(program, SearchOptions(folder=folder, device="cpu"), heard) as search:
        samplers = search.main.learner.samplers
        late = {path for path, sampler in samplers.items() if not sampler.at(0, 3).started}
        assert late <= set(search.depths)
    return late, [line for line in heard.lines if "gates_from" in line]


def test_gates_of_hyper_cells_are_delayed(tmp_path: Path) -> None:
    assert delayed(SPEC, tmp_path / "run") == ({"hyper[1].gate", "hyper[2].gate"}, [])


def test_numbers_of_settings_are_no_depths_and_a_delay_of_nothing_is_warned_of(tmp_path: Path) -> None:
    late, warned = delayed(NUMBERS, tmp_path / "run")
    assert late == set()
    assert warned == ["`gates_from` has no effect: Numbers has no depth decisions"]
