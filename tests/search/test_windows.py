"""Weights of terms that follow a cost of the derived networks."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import archdsl
from archdsl import cli
from archdsl.diagnostics import SpecError
from archdsl.program import Program
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.restoring import Unfit
from archdsl.search.call import search
from archdsl.search.differentiable.objective import ObjectiveFunction
from archdsl.search.differentiable.windows import AdaptiveWeights, adapted
from archdsl.search.reading import read_config
from archdsl.search.scores import terms_of

SPACE = """arch 1

space Tiny(; classes = 11) {
  input image: [3, 32, 64]
  kind = one of {thin: conv(c = 8, k = 1), thick: conv(c = 8, k = 5)}
  x = image -> kind -> bn -> relu
  output logits = x -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""


def program(term: str, settings: str = "") -> Program:
    return archdsl.load(
        "t.arch",
        text=f"""{SPACE}
search Q{settings} for Tiny {{
  data = synthetic(batch = 2, images = 4)
  sampler = softmax
  epochs = 3
  minimize cross_entropy + {term}
}}
""",
    )


@given(
    st.lists(st.floats(1, 300), min_size=1, max_size=4),
    st.floats(1, 200),
    st.floats(0, 100),
    st.floats(1e-6, 10),
)
def test_a_weight_halves_at_the_end_of_its_range_and_doubles_at_its_start(
    values: list[float], low: float, more: float, weight: float
) -> None:
    high = low + more
    found = adapted(weight, values, low, high)
    if max(values) >= high:
        assert found == weight / 2
    elif min(values) <= low:
        assert found == 2 * weight
    else:
        assert found == weight


def test_the_ends_of_the_range_belong_to_what_moves_the_weight() -> None:
    assert adapted(0.01, [160.0, 175.0], 155, 175) == 0.005
    assert adapted(0.01, [155.0, 160.0], 155, 175) == 0.02
    assert adapted(0.01, [150.0, 180.0], 155, 175) == 0.005  # too fast counts first
    assert adapted(0.01, [156.0, 174.9], 155, 175) == 0.01


@pytest.mark.parametrize("settings", ["", "(; weight = window(0.5, macs, 10K .. 20K))"])
def test_the_objective_has_the_current_weight(settings: str) -> None:
    term = "weight * log(macs)" if settings else "window(0.5, macs, 10K .. 20K) * log(macs)"
    found = program(term, settings)
    config = read_config(found.search())
    objective = ObjectiveFunction(config, found.space())
    losses = {"cross_entropy": torch.tensor(1.0)}
    costs = objective.cost_values({})
    before = float(objective.value(losses, costs))
    log_macs = math.log(float(next(iter(costs.values()))))
    assert before == pytest.approx(1 + 0.5 * log_macs)
    objective.windows.after_epoch(lambda term: [30_000.0])
    assert list(objective.windows.weights.values()) == [0.25]
    assert float(objective.value(losses, costs)) == pytest.approx(1 + 0.25 * log_macs)


@pytest.mark.parametrize(
    ("term", "code"),
    [
        ("window(0.5, macs) * log(macs)", "ARCH604"),
        ("window(0, macs, 1K .. 2K) * log(macs)", "ARCH604"),
        ("window(0.5, cross_entropy, 1K .. 2K) * log(macs)", "ARCH604"),
        ("window(0.5, macs, 2K .. 1K) * log(macs)", "ARCH604"),
        ("window(0.5, macs, 2K) * log(macs)", "ARCH604"),
    ],
)
def test_a_window_without_weight_cost_and_range_is_refused(term: str, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        program(term).search()
    assert caught.value.diagnostics[0].code == code


def test_weights_of_another_search_do_not_fit() -> None:
    windows = AdaptiveWeights(
        terms_of(read_config(program("window(0.5, macs, 10K .. 20K) * log(macs)").search()))
    )
    for other in ({}, {"else": 0.5}, {next(iter(windows.weights)): math.nan}, None):
        with pytest.raises(Unfit):
            windows.read(other)
    assert windows.read(dict(windows.weights)) == windows.weights


def losses(folder: Path) -> list[float]:
    lines = map(json.loads, (folder / "journal.jsonl").read_text("utf-8").splitlines())
    return [line["loss"] for line in lines if line["kind"] == "step"]


def test_a_resumed_search_goes_on_with_the_weight_that_it_had(tmp_path: Path, capsys: Any) -> None:
    spec = tmp_path / "t.arch"
    spec.write_text(program("window(0.001, macs, 1K .. 2K) * log(macs)").unit.source.text, "utf-8")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert cli.run(["search", str(spec), "--out", str(whole)]) == 0, capsys.readouterr()
    steps = iter(range(100))
    with pytest.raises(Interrupted):
        search(spec, folder=parts, stop=lambda: next(steps) >= 3)
    assert cli.run(["search", str(spec), "--resume", str(parts)]) == 0, capsys.readouterr()
    assert losses(parts) == losses(whole)
    assert len(losses(whole)) == 6
    # 1K .. 2K is below what the networks cost, so that each epoch halves the weight.
    lines = map(json.loads, (parts / "journal.jsonl").read_text("utf-8").splitlines())
    weights = [list(line["weights"].values()) for line in lines if line["kind"] == "epoch"]
    assert weights == [[0.001], [0.0005], [0.00025]]
    page = (parts / "report.html").read_text("utf-8")
    assert "window(0.001, macs, 1K .. 2K): halved or doubled" in page
    assert page.count("Adaptive weight of the objective") >= 1
