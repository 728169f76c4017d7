"""FasterSeg's search as released: its decoder, and the latency that its search regularises."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import archdsl
import shapefill
from archdsl.configs.decoding import Branches
from archdsl.devices.estimate import latency_ms
from archdsl.devices.foreign import import_table, mapping
from archdsl.devices.objective import Costs
from archdsl.passes.analyses.lattice import Lattice, lattice
from archdsl.passes.identity import identity
from archdsl.resources import specs_folder
from archdsl.search.decoding.decoder import Decoder
from archdsl.search.decoding.logits import logits_of
from archdsl.spec.search_values import Term

Find = Callable[[str], Path]
NAMES = ("alpha", "beta", "ratio")


@cache
def program() -> archdsl.Program:
    return archdsl.load(specs_folder() / "fasterseg.arch")


def cells_of(space: archdsl.Space) -> Lattice:
    return lattice(space.graph, "cells.kind", "cells.x", "widths.w")


def grids(cells: Lattice) -> dict[str, tuple[str, ...]]:
    """The decision paths of each array of parameters, by the released name without the architecture."""
    parts = zip(NAMES, (cells.kinds, cells.reads, cells.widths), strict=True)
    return {f"{name}_{row}": paths for name, rows in parts for row, paths in enumerate(rows) if paths}


def decoder(**more: Any) -> Decoder:
    config = Branches(**{"into": "FasterSegBranches", "mode": "released", "ends": ((32,), (8, 16)), **more})

    def into(**settings: Any) -> archdsl.Space:
        return program().space(
            "FasterSegBranches", **{**OF_TEACHER, **settings} if TEACHER in more else settings
        )

    return Decoder(config, cells_of(program().space()), into)


TEACHER, OF_TEACHER = "without_skip", {"last": 12}


def vectors(cells: Lattice, arrays: dict[str, Any]) -> dict[str, Any]:
    return {
        path: np.asarray(row, dtype=np.float32)
        for name, paths in grids(cells).items()
        for path, row in zip(paths, arrays[name], strict=True)
    }


def released_student(reference: Find) -> dict[str, Any]:
    found = json.loads(reference("fasterseg_student_architecture_parameters.json").read_text("utf-8"))
    return {key.replace("_1_", "_"): value for key, value in found.items()}


def test_the_released_parameters_decode_to_the_released_student(reference: Find) -> None:
    found = decoder()
    arrays = released_student(reference)
    candidates = found.candidates(vectors(found.cells, arrays))
    network = found.network(candidates[32, 16])
    student = archdsl.load(specs_folder() / "fasterseg_student.arch").network()
    assert identity(network.graph) == identity(student.graph)
    assert identity(network.with_train_outputs().graph) == identity(student.with_train_outputs().graph)
    # Both released files hold the scores of the student, by which {32, 16} is the better pair.
    scores = {(32, n): (arrays[f"mIoU{k}"], arrays[f"latency{k}"]) for n, k in ((8, "02"), (16, "12"))}
    assert found.preferred(scores) == (32, 16)


@pytest.mark.parametrize(
    ("ends", "by", "ms"),
    [
        ((32, 16), "fasterseg_released", 6.4139770511337275),
        ((32, 8), "fasterseg_released", 6.260467391822158),
        ((32, 16), "fasterseg", 5.7018),
    ],
)
def test_the_decoded_student_takes_what_is_stored_with_it(
    ends: tuple[int, int], by: str, ms: float, reference: Find
) -> None:
    found = decoder()
    network = found.network(found.candidates(vectors(found.cells, released_student(reference)))[ends])
    table = import_table(reference("fasterseg_latency_table.json"), mapping(by))
    assert latency_ms(network, table) == pytest.approx(ms, rel=1e-12 if len(str(ms)) > 8 else 1e-4)


CONV, ZOOM, CONV2, ZOOM2 = 1, 2, 3, 4


def teacher_arrays() -> dict[str, Any]:
    """Parameters whose greatest entries are those of the published teacher; skips would win, if allowed."""
    alphas = [np.zeros((16 - row, 5)) for row in range(3)]
    for row in alphas:
        row[:, 0], row[:, ZOOM2] = 3.0, 1.0
    for row, layer, kind in [
        (0, 0, ZOOM), (1, 5, CONV2), (1, 7, ZOOM), (2, 14, CONV2), (2, 15, CONV2),
    ]:  # fmt: skip
        alphas[row][layer - row, kind] = 2.0
    betas = [np.zeros((14, 2)), np.zeros((13, 2))]
    betas[0][4, 0] = 1.0  # to 1/16 at the cell of layer 4
    betas[0][[row for row in range(14) if row not in (4,)], 0] = -1.0
    betas[1][:, 0] = -1.0
    betas[1][11, 0] = 1.0  # to 1/32 at the cell of layer 13
    return {
        **{f"alpha_{row}": array for row, array in enumerate(alphas)},
        "beta_1": betas[0], "beta_2": betas[1],
        **{f"ratio_{row}": np.eye(5)[[4] * n] for row, n in enumerate((15, 15, 14))},
    }  # fmt: skip


def test_the_teacher_keeps_all_cells_at_full_width() -> None:
    found = decoder(without_skip=True)
    branches = found.branches(_logits(found, teacher_arrays()))
    assert [len(branches[end].kinds) for end in (8, 16, 32)] == [16, 16, 16]
    # The step to 1/16 of the branch to 1/32 is taken one layer later than that of the branch to 1/16.
    assert (branches[16].ends(3), branches[32].ends(3)) == ((4, 16, 16), (5, 13, 16))
    network = found.network([branches[32], branches[16]])
    teacher = archdsl.load(specs_folder() / "fasterseg_teacher.arch").network()
    assert (network.params, network.macs) == (22_115_203, 107_778_932_736)
    assert identity(network.graph) == identity(teacher.graph)
    assert identity(network.with_train_outputs().graph) == identity(teacher.with_train_outputs().graph)


def _logits(found: Decoder, arrays: dict[str, Any]) -> Any:
    return logits_of(found.cells, vectors(found.cells, arrays))


@pytest.mark.parametrize(
    ("name", "with_heads", "at_inference"),
    [("student", 4_352_921, 3_421_875), ("teacher", 23_450_409, 22_115_203)],
)
def test_networks_with_the_heads_of_the_training_have_the_parameters_of_the_released_ones(
    name: str, with_heads: int, at_inference: int
) -> None:
    network = archdsl.load(specs_folder() / f"fasterseg_{name}.arch").network()
    assert network.params == at_inference
    assert network.with_train_outputs().params == with_heads
    assert list(network.with_train_outputs().graph.outputs) == ["logits", "aux16", "aux32"]


# ---------------------------------------------------------------- latency

MODES: dict[str, dict[str, tuple[str, ...]]] = {
    "alpha_only": {"uniform": ("cells.x",), "largest": ("widths",)},
    "beta_only": {"uniform": ("cells.kind",), "largest": ("widths",)},
    "ratio_only": {"uniform": ("cells",), "sampled": ("widths",)},
    "all": {"sampled": ("widths",)},
}
RELEASED = Term("released")
SETTINGS = ("init_1e-3_arch1", "formula_amp0.5_arch1", "formula_amp0.5_arch0", "released_arch1")


@cache
def costs(last: int, table: Path) -> Costs:
    return Costs(program().space(last=last), [import_table(table, mapping("fasterseg_released"))])


def parameters(setting: str, arch: int, cells: Lattice, reference: Find) -> dict[str, torch.Tensor]:
    released = released_student(reference)
    found = {}
    for name, paths in grids(cells).items():
        kind, row = name.split("_")
        shape = np.shape(released[name])
        if setting.startswith("init"):
            array = np.full(shape, 1e-3)
        elif setting.startswith("formula"):
            index = 700000 + 100 * arch + 10 * NAMES.index(kind) + int(row)
            array = 0.5 * shapefill.values(index, len(paths) * shape[1]).reshape(shape)
        else:
            array = np.array(released[name])
        found[name] = torch.tensor(array, dtype=torch.float32, requires_grad=True)
    return found


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_released_latency_and_its_gradients_are_those_of_the_released_code(
    setting: str, reference: Find
) -> None:
    expected = json.loads(reference("fasterseg_latency_reg_reference.json").read_text("utf-8"))[setting]
    arch = int(setting[-1])
    by = costs(8 if arch else 12, reference("fasterseg_latency_table.json"))
    cells = cells_of(by.space)
    combined = 0.0
    for mode, weight in zip(MODES, (1 / 500, 497 / 500, 2 / 500, 0), strict=True):
        given = parameters(setting, arch, cells, reference)
        probabilities = {
            path: row
            for name, array in given.items()
            for path, row in zip(grids(cells)[name], array.softmax(1), strict=True)
        }
        replaced = dict(MODES[mode])
        if arch == 0:  # whose widths are not searched
            replaced = {how: names for how, names in replaced.items() if how != "sampled"} | {
                "largest": ("widths",)
            }
        ms = by.soft(Term("latency", {**replaced, "mode": RELEASED}), probabilities)
        assert isinstance(ms, torch.Tensor)
        assert float(ms.detach()) == pytest.approx(expected[mode]["latency"], rel=1e-6)
        combined += weight * float(ms.detach())
        if ms.requires_grad:
            ms.backward()  # type: ignore[no-untyped-call]
        _demand_gradients(given, expected[mode]["grads"], arch)
    assert combined == pytest.approx(expected["combined_1_497_2_over_500"], rel=1e-6)


def _demand_gradients(given: dict[str, torch.Tensor], expected: dict[str, Any], arch: int) -> None:
    """Gradients of one kind are compared to 1e-5 of the greatest; the released ones are in float32, where
    what should cancel leaves less than 1e-8.
    """
    for name, array in given.items():
        kind, row = name.split("_")
        wanted = np.array(expected.get(f"{kind}_{arch}_{row}", np.zeros(array.shape)))
        if kind == "ratio" and arch == 0:
            continue
        found = np.zeros(array.shape) if array.grad is None else array.grad.numpy()
        assert np.abs(found - wanted).max() <= 1e-5 * np.abs(wanted).max() + 1e-8, name


def test_the_corrected_latency_trains_every_read_and_the_released_one_does_not(reference: Find) -> None:
    by = costs(8, reference("fasterseg_latency_table.json"))
    cells = cells_of(by.space)
    for mode, trained in ((Term("corrected"), True), (RELEASED, False)):
        given = parameters("init_1e-3_arch1", 1, cells, reference)
        reads = {path: row.softmax(0) for n in (1, 2)
                 for path, row in zip(cells.reads[n], given[f"beta_{n}"], strict=True)}  # fmt: skip
        ms = by.soft(Term("latency", {**MODES["beta_only"], "mode": mode}), reads)
        assert isinstance(ms, torch.Tensor)
        ms.backward()  # type: ignore[no-untyped-call]
        gradients = [given[f"beta_{n}"].grad for n in (1, 2)]
        every = all(g is not None and bool((g.abs().amax(1) > 1e-6).all()) for g in gradients)
        assert every == trained
