"""Latencies of an objective that replace probabilities, and that of a lattice as released."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from timing import PretendTimer

import archdsl
from archdsl.cli import run
from archdsl.devices.build import build
from archdsl.devices.keys import space_keys
from archdsl.devices.lattice_rows import LatticeRows
from archdsl.devices.objective import Costs
from archdsl.devices.released_latency import released_latency
from archdsl.devices.table import Table
from archdsl.diagnostics import SpecError
from archdsl.passes.analyses.lattice import lattice
from archdsl.search.reading import read_config
from archdsl.search.scores import terms_of

SPACE = """arch 1

op stem(x; c: int) = x -> conv(c = c, s = 2) -> bn -> relu
op light(x; c: int, s: int = 1) = x -> conv(c = c, k = 1, s = s) -> bn -> relu
op heavy(x; c: int, s: int = 1) = x -> conv(c = c, k = 5, s = s) -> bn -> relu

space Lattice(; classes = 11, layers = 4) {
  input image: [3, 64, 128]
  keep[0, 8] = image -> stem(c = 8)
  stage widths for l in 1..layers, r in {8, 16} {
    w[l, r] = one of {2, 4} if l < layers else 1
  }
  stage cells for l in 1..layers, r in {8, 16} {
    x = one of {same: keep[l - 1, r]?, finer: down[l - 1, r / 2]?}
    kind = one of {light, heavy}
    keep[l, r] = x -> kind(c = r * w[l, r])
    down[l, r] = x -> kind(c = 2 * r * w[l, 2 * r]?, s = 2)
  }
  y = concat(keep[layers, 8], keep[layers, 16] -> resize(like = keep[layers, 8]))
  output logits = y -> conv(c = classes, k = 1) -> resize(like = image)
}
"""


@pytest.fixture(scope="module")
def space() -> archdsl.Space:
    return archdsl.load("lattice.arch", text=SPACE).space()


@pytest.fixture(scope="module")
def table(space: archdsl.Space, tmp_path_factory: pytest.TempPathFactory) -> Table:
    units = space_keys(space, random.Random(0), quiet=200).units.values()
    return build(tmp_path_factory.mktemp("table") / "t.json", units, PretendTimer("eager"))


def term(text: str) -> Any:
    search = f"search Q for Lattice {{\n  minimize cross_entropy + 0.1 * {text}\n}}\n"
    config = read_config(archdsl.load("lattice.arch", text=SPACE + search).search())
    return next(one for one in terms_of(config) if one.name == "latency")


def logits(space: archdsl.Space, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        path: torch.randn(d.size, generator=generator, dtype=torch.float64, requires_grad=True)
        for path, d in space.decisions.items()
    }


def trained(given: dict[str, torch.Tensor]) -> set[str]:
    """The decisions with a gradient, by their paths without subscripts."""
    reached = [p for p, v in given.items() if v.grad is not None and float(v.grad.abs().max()) > 1e-12]
    return {path.partition("[")[0] + path.rpartition("]")[2] for path in reached}


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("latency(uniform = [cells.x], largest = [widths])", {"cells.kind"}),
        ("latency(uniform = [cells.kind], largest = [widths])", {"cells.x"}),
        ("latency(uniform = [cells], sampled = [widths])", {"widths.w"}),
        ("latency(uniform = [cells, widths])", set()),
        ("latency", {"cells.kind", "cells.x", "widths.w"}),
    ],
)
def test_a_term_trains_the_decisions_that_it_does_not_replace(
    space: archdsl.Space, table: Table, text: str, reached: set[str]
) -> None:
    given = logits(space)
    ms = Costs(space, [table]).soft(term(text), {path: v.softmax(0) for path, v in given.items()})
    assert isinstance(ms, torch.Tensor)
    if ms.requires_grad:
        ms.backward()  # type: ignore[no-untyped-call]
    assert trained(given) == reached


def test_replaced_decisions_count_as_they_are_named(space: archdsl.Space, table: Table) -> None:
    costs = Costs(space, [table])
    soft = {path: v.detach().softmax(0) for path, v in logits(space).items()}
    for text, replacement in (
        ("latency(uniform = [widths])", lambda v: torch.full_like(v, 0.5)),
        ("latency(largest = [widths])", lambda v: torch.tensor([0.0, 1.0])),
        ("latency(sampled = [widths])", lambda v: torch.nn.functional.one_hot(v.argmax(), 2)),
    ):
        by_hand = {path: replacement(v).double() if "widths" in path else v for path, v in soft.items()}
        assert float(costs.soft(term(text), soft)) == pytest.approx(
            float(costs.soft(term("latency"), by_hand))
        )


def test_the_rows_of_a_lattice_are_those_of_its_networks(space: archdsl.Space, table: Table) -> None:
    """What a network of one chain takes is the sum of the ways along it, and what stands around it."""
    cells = lattice(space.graph, "cells.kind", "cells.x", "widths.w")
    assert (cells.rows, cells.finer, cells.layers) == ((8, 16), 1, 4)
    rows = LatticeRows(space.deployed, cells, table)
    assert rows.missing == set()
    assert [[len(both) for both in layer] for layer in rows.ways] == [[2], [2, 1], [2, 1], [1, 1]]
    assert set(rows.ways[1][0][0].ms) == {(k, a, b) for k in (0, 1) for a in (0, 1) for b in (0, 1)}
    assert set(rows.ways[0][0][0].ms) == {(k, 0, b) for k in (0, 1) for b in (0, 1)}
    costs = Costs(space, [table])
    order = list(space.decisions)

    def ms(**changed: int) -> float:
        outcomes = [
            changed.get(path.replace("[", "_").replace(", ", "_").replace("].", "_"), 0) for path in order
        ]
        return float(costs.exact(term("latency"), [outcomes])[0])

    way = rows.ways[1][0][0]  # the only one through its cell that is used where all reads are `same`
    assert ms(cells_2_8_kind=1) - ms() == pytest.approx(way.ms[1, 0, 0] - way.ms[0, 0, 0])


def test_the_released_latency_adds_up_as_by_hand(space: archdsl.Space, table: Table) -> None:
    """The recurrence with its defects, written out for two rows and certain decisions."""
    cells = lattice(space.graph, "cells.kind", "cells.x", "widths.w")
    rows = LatticeRows(space.deployed, cells, table)
    same = {path: torch.tensor([1.0, 0.0], dtype=torch.float64) for path in space.decisions}
    way = [[[one.ms[0, 0, 0] for one in both] for both in layer] for layer in rows.ways]
    fine = rows.stem_ms + way[0][0][0]
    down = fine + way[0][0][1]
    fine += way[1][0][0]
    down_2 = fine + way[1][0][1]
    coarse = down_2 + way[1][1][0]  # the total of the finer row has this layer in it already
    for layer in (2, 3):
        fine += way[layer][0][0]
        coarse += way[layer][1][0]
    assert float(released_latency(rows, same)) == pytest.approx(fine + coarse)
    assert down != down_2


@pytest.mark.parametrize(
    ("text", "headline"),
    [
        ("latency(uniform = [cells.y])", "`uniform` of `latency`: `cells.y` matches no decision"),
        (
            "latency(uniform = [cells], largest = [cells.x])",
            "`largest` of `latency`: `cells[3, 16].x` is named twice",
        ),
        (
            "latency(largest = [cells.kind])",
            "`cells[1, 8].kind` has no largest outcome: its outcomes are not numbers",
        ),
    ],
)
def test_a_term_that_does_not_fit_the_space_is_refused_and_noted_by_check(
    space: archdsl.Space, table: Table, text: str, headline: str, tmp_path: Path, capsys: Any
) -> None:
    with pytest.raises(SpecError) as caught:
        Costs(space, [table]).soft(term(text), {})
    (error,) = caught.value.diagnostics
    assert (error.code, error.headline) == ("ARCH816", headline)
    assert error.primary is not None
    spec = tmp_path / "lattice.arch"
    spec.write_text(SPACE + f"search Q for Lattice {{\n  minimize cross_entropy + 0.1 * {text}\n}}\n")
    assert run(["check", str(spec)]) == 0
    captured = capsys.readouterr()
    assert f"cannot run `Q`: {headline}" in captured.out + captured.err


def test_a_space_that_is_no_lattice_has_no_released_latency(table: Table) -> None:
    other = archdsl.load("lattice.arch", text=SPACE.replace("stage cells", "stage nodes")).space()
    with pytest.raises(SpecError) as caught:
        Costs(other, [table]).soft(term("latency(mode = released)"), {})
    (error,) = caught.value.diagnostics
    assert error.code == "ARCH816"
    assert "no decision `cells.kind[layer, row]`" in error.headline


def test_trials_have_no_probabilities_to_replace() -> None:
    from archdsl.search.trials.config import read_trials

    search = "search Q for Lattice {\n  strategy = random\n  minimize latency(uniform = [cells])\n}\n"
    with pytest.raises(SpecError, match="`uniform` of `latency` is read by differentiable searches only"):
        read_trials(archdsl.load("lattice.arch", text=SPACE + search).search())
