"""Branches decoded from a lattice of cells."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archdsl
import released_decoder
from archdsl import cli
from archdsl.configs.decoding import Branches
from archdsl.diagnostics import SpecError
from archdsl.passes.analyses.lattice import lattice
from archdsl.resources import specs_folder
from archdsl.search.decoding.clean import decoded, most_probable_path
from archdsl.search.decoding.decoder import Decoder
from archdsl.search.decoding.fitting import fitting
from archdsl.search.decoding.logits import Branch, Logits, shared_cells, shortest_default
from archdsl.search.decoding.making import decoder_for
from archdsl.search.decoding.released import decoded_in_order
from archdsl.search.evaluators.shared_weights import SharedWeights
from small_lattice import small_spec, text

SKIP = 0


def logits(seed: int, layers: int = 16, spread: float = 1.0, ties: bool = False, widths: int = 5) -> Logits:
    """Random logits; `ties` rounds them, so that many are equal."""
    rng = np.random.default_rng(seed)

    def drawn(rows: int, columns: int) -> Any:
        found = rng.normal(size=(rows, columns)) * spread
        return np.round(found) if ties else found

    kinds = tuple(drawn(layers - row, 5) for row in range(3))
    reads = (np.empty((0, 2)), drawn(layers - 2, 2), drawn(layers - 3, 2))
    return Logits(kinds, reads, tuple(drawn(n, widths) for n in (layers - 1, layers - 1, layers - 2)))


@given(
    seed=st.integers(0, 2**32 - 1),
    layers=st.integers(12, 20),
    spread=st.sampled_from([0.01, 0.3, 1.0, 4.0]),
    teacher=st.booleans(),
    eager=st.integers(-1, 2),
)
@settings(max_examples=300, deadline=None)
def test_the_released_decoder_gives_what_one_written_apart_gives(
    seed: int, layers: int, spread: float, teacher: bool, eager: int
) -> None:
    given = logits(seed, layers, spread)
    for row in range(eager + 1):
        given.kinds[row][:, SKIP] += 2 * spread  # many skips, where most of the rules are
    plain = [[list(map(float, one)) for one in row] for row in (*given.kinds,)]
    pairs = [[list(map(float, one)) for one in row] for row in given.reads]
    ratios = [[list(map(float, one)) for one in row] for row in given.widths]
    wanted = released_decoder.decode_all(plain, pairs, ratios, layers, SKIP, teacher)
    shortest = tuple(shortest_default(layers, row) for row in range(3))
    before = given.copy()
    found = decoded_in_order(given, shortest, SKIP, without_skip=teacher)
    for branch, other in zip(found, wanted, strict=True):
        assert (list(branch.kinds), list(branch.rows), list(branch.widths)) == (
            other["ops"], other["rows"], other["widths"],
        )  # fmt: skip
    for one, other in zip((*before.kinds, *before.reads), (*given.kinds, *given.reads), strict=True):
        assert (one == other).all()


def test_the_order_of_the_released_decoder_matters_sometimes() -> None:
    shortest = (5, 7, 9)
    changed = 0
    for seed in range(60):
        given = logits(seed)
        for scores in given.kinds:
            scores[:, SKIP] += 2
        alone = released_decoder.compact(
            *(
                [[list(map(float, one)) for one in row] for row in part]
                for part in (given.kinds, given.widths)
            ),
            released_decoder.find_path(
                [[released_decoder.soft(list(pair)) for pair in row] for row in given.reads], 2, 16
            ),
            SKIP,
            False,
        )
        last = decoded_in_order(given, shortest, SKIP)[2]
        changed += list(last.kinds) != alone["ops"] or list(last.rows) != alone["rows"]
    assert changed > 5


@given(seed=st.integers(0, 2**32 - 1), layers=st.integers(4, 7), end=st.integers(0, 2), ties=st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_path_is_the_most_probable_of_all(seed: int, layers: int, end: int, ties: bool) -> None:
    given = logits(seed, layers, ties=ties)

    def chance(rows: tuple[int, ...]) -> float:
        found = 1.0
        for layer in range(1, layers):
            row, finer = rows[layer], rows[layer] - rows[layer - 1]
            if row == 0 or layer == row:
                found *= float((row > 0) == (finer == 1))
                continue
            down, same = np.exp(given.reads[row][layer - row - 1])
            found *= (down if finer else same) / (down + same)
        return found

    paths = [
        rows
        for rows in itertools.product(range(3), repeat=layers)
        if rows[0] == 0 and rows[-1] == end
        and all(0 <= b - a <= 1 for a, b in itertools.pairwise(rows))
    ]  # fmt: skip
    found = tuple(most_probable_path(given, end))
    assert found in paths
    assert chance(found) == pytest.approx(max(map(chance, paths)), rel=1e-9)


@given(seed=st.integers(0, 2**32 - 1), end=st.integers(0, 2), more=st.sampled_from([0.0, 1.0, 5.0]))
@settings(max_examples=100, deadline=None)
def test_a_branch_has_no_skips_and_at_least_its_shortest_length(seed: int, end: int, more: float) -> None:
    given = logits(seed)
    for scores in given.kinds:
        scores[:, SKIP] += more
    shortest = shortest_default(16, end)
    branch = decoded(given, end, shortest, SKIP)
    assert SKIP not in branch.kinds
    assert len(branch.rows) >= shortest
    assert len(branch.widths) == len(branch.kinds) - 1
    assert branch.end == end
    assert list(branch.rows) == sorted(branch.rows)
    halvings = [n for n, (a, b) in enumerate(itertools.pairwise(branch.rows)) if b > a]
    assert len(halvings) == end


def test_a_path_may_not_be_shortened_below_its_least_length() -> None:
    given = logits(3)
    for scores in given.kinds:
        scores[:, SKIP] = 50.0
    for end in range(3):
        assert len(decoded(given, end, shortest_default(16, end), SKIP).kinds) == shortest_default(16, end)


def test_shared_cells_end_before_the_last_one_and_where_branches_differ() -> None:
    one = Branch((0, 0, 0, 1), (1, 2, 3, 4), (0, 1, 2))
    assert shared_cells(one, one) == 3
    assert shared_cells(one, Branch((0, 0, 1, 1), (1, 2, 3, 4), (0, 1, 2))) == 1
    assert shared_cells(one, Branch((0, 0, 0, 1), (1, 2, 3, 4), (0, 0, 2))) == 1
    assert shared_cells(one, Branch((0, 0, 0, 1), (2, 2, 3, 4), (0, 1, 2))) == 0


# ---------------------------------------------------------------- networks


@pytest.fixture(scope="module")
def program() -> archdsl.Program:
    return archdsl.load(specs_folder() / "fasterseg.arch")


def decoder(program: archdsl.Program, image: tuple[int, int, int] = (3, 64, 128), **more: Any) -> Decoder:
    config = Branches(**{"into": "FasterSegBranches", "ends": ((32,), (8, 16)), "select": "pair", **more})
    cells = fitting(config, program.space(image=image).graph, program.unit)
    return Decoder(config, cells, lambda **own: program.space("FasterSegBranches", image=image, **own))


@pytest.mark.parametrize("mode", ["corrected", "released"])
def test_every_decoded_network_is_well_typed_and_reads_back(program: archdsl.Program, mode: str) -> None:
    rng = random.Random(7)
    found = decoder(program, mode=mode)
    for seed in range(4):
        given = logits(seed, spread=2.0)
        for scores in given.kinds:
            scores[:, SKIP] += rng.choice([0.0, 2.0, 6.0])
        branches = found.branches(given)
        for ends in found.ends:
            network = found.network([branches[end] for end in ends])
            assert network.graph.outputs.keys() == {"logits"}
            text = network.to_arch()
            read = archdsl.load(specs_folder() / "decoded.arch", text=text).network(image=(3, 64, 128))
            assert (read.params, read.macs) == (network.params, network.macs)


def test_paths_and_labels_of_a_lattice_are_found_by_their_subscripts(program: archdsl.Program) -> None:
    found = lattice(program.space().graph, "cells.kind", "cells.x", "widths.w")
    assert (found.layers, found.rows, found.finer) == (16, (8, 16, 32), 0)
    assert [len(row) for row in found.kinds] == [16, 15, 14]
    assert [len(row) for row in found.reads] == [0, 14, 13]
    assert [len(row) for row in found.widths] == [15, 15, 14]
    assert found.widths[2][0] == "widths[2, 32].w"
    assert found.width == ("4", "6", "8", "10", "12")


@pytest.mark.parametrize(
    ("changed", "headline"),
    [
        ({"ends": ((64,), (8,))}, "`ends` has 64, which is not a row of the lattice"),
        ({"ends": ((32,),)}, "`ends` and `stages` differ in length"),
        ({"stages": ("a", "b", "c")}, "`stages` must name one or two stages, not more"),
        ({"shortest": (5, 7)}, "`shortest` needs 3 numbers"),
        ({"select": "cells[1, 8].kind"}, "`cells[1, 8].kind` is not a decision with 2 outcomes"),
        (
            {"kinds": "cells.what"},
            "`FasterSeg` is not a lattice of cells: no decision `cells.what[layer, row]`",
        ),
        ({"select": None, "select_by": "score"}, "`select_by` needs `select`"),
        ({"into": None}, "`branches` needs `into`"),
    ],
)
def test_a_decoder_that_does_not_fit_is_refused(
    program: archdsl.Program, changed: dict[str, Any], headline: str
) -> None:
    with pytest.raises(SpecError) as caught:
        decoder(program, **changed)
    (error,) = caught.value.diagnostics
    assert (error.code, error.headline) == ("ARCH815", headline)


def test_the_shipped_search_has_a_decoder_for_each_of_its_architectures(program: archdsl.Program) -> None:
    student, teacher = (decoder_for(program, architecture=name) for name in ("student", "teacher"))
    assert student.ends == teacher.ends == ((32, 8), (32, 16))
    assert (student.config.without_skip, teacher.config.without_skip) == (False, True)
    given = logits(1)
    by = {
        path: row
        for rows, arrays in zip(
            (student.cells.kinds, student.cells.reads, student.cells.widths),
            (given.kinds, given.reads, given.widths),
            strict=True,
        )
        for paths, array in zip(rows, arrays, strict=True)
        for path, row in zip(paths, array, strict=True)
    }
    assert student.selected({**by, "pair": np.array([0.0, 1.0])}) == (32, 16)
    assert [len(b.kinds) for b in teacher.candidates(by)[32, 16]] == [16, 16]
    with pytest.raises(ValueError, match="no architecture `other`"):
        decoder_for(program, architecture="other")


def test_a_search_writes_the_decoded_network(tmp_path: Any, capsys: Any) -> None:
    spec, out = small_spec(tmp_path), tmp_path / "run"
    assert cli.run(["search", str(spec), "--out", str(out)]) == 0, capsys.readouterr()
    told = capsys.readouterr().out
    network = archdsl.load(out / "decoded.arch").network()
    assert f"decoded as FasterSegBranches: {network.params:,} parameters, {network.macs:,} MACs" in told
    assert network.origin == "FasterSegBranches"
    assert len(network.chosen) > 5


@pytest.mark.slow
@pytest.mark.parametrize(("miou", "best"), [({0: 0.6, 1: 0.5}, 8), ({0: 0.5, 1: 0.6}, 16)])
def test_the_ends_of_branches_are_those_of_the_best_score_in_the_supernet(
    miou: dict[int, float], best: int, tmp_path: Any, capsys: Any, monkeypatch: Any
) -> None:
    spec, out = small_spec(tmp_path, ", mode = released", layers=5), tmp_path / "run"
    scored = []

    def score(_: SharedWeights, outcomes: Any) -> dict[str, float]:
        scored.append(outcomes["pair"])
        return {"miou": miou[outcomes["pair"]]}

    monkeypatch.setattr(SharedWeights, "score", score)
    assert cli.run(["search", str(spec), "--out", str(out)]) == 0, capsys.readouterr()
    assert scored[-2:] == [0, 1]
    told = capsys.readouterr().out
    assert "branches to 1/32, 1/8: mIoU 0." in told
    end = json.loads((out / "journal.jsonl").read_text("utf-8").splitlines()[-1])
    assert end["ends"] == [
        {"rows": [32, row], "miou": miou[n], "latency_ms": None} for n, row in enumerate((8, 16))
    ]
    ends = archdsl.load(out / "decoded.arch").network().given["side_ends"]
    assert (ends[0] == ends[1]) == (best == 8)  # no cell after the last one at 1/8


def test_the_released_decoder_is_refused_for_too_few_layers_and_decodes_from_five_on(tmp_path: Any) -> None:
    few, enough = (archdsl.load(small_spec(tmp_path, ", mode = released", layers=n)) for n in (4, 5))
    with pytest.raises(SpecError) as caught:
        decoder_for(few)
    assert caught.value.diagnostics[0].headline == "`mode = released` needs at least 5 layers, not 4"
    found = decoder_for(enough)
    by = {path: np.zeros(decision.size) for path, decision in enough.space().searched.decisions.items()}
    assert {ends: branches[0].end for ends, branches in found.candidates(by).items()} == {
        (32, 8): 2,
        (32, 16): 2,
    }


def test_ends_are_compared_by_miou_and_latency_as_in_the_released_code() -> None:
    preferred = Decoder.preferred
    assert preferred({(32, 8): (0.50, 8.0), (32, 16): (0.52, 20.0)}) == (32, 8)
    assert preferred({(32, 8): (0.50, 8.0), (32, 16): (0.56, 20.0)}) == (32, 16)
    assert preferred({(32, 8): (0.50, None), (32, 16): (0.52, None)}) == (32, 16)
    assert preferred({(32, 8): (0.5, 8.0), (32, 16): (0.5, 8.0)}) == (32, 16)  # of equal ones the last


def test_check_names_an_unknown_space_and_a_decoder_that_does_not_fit(tmp_path: Any) -> None:
    path = specs_folder() / "small.arch"
    report = archdsl.load(path, text=text(into="Other")).check()
    assert [d.code for d in report.diagnostics if d.severity == "error"] == ["ARCH602"]
