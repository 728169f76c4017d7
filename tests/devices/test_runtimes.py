"""Runtimes by name: what they are asked, and primitives that write no ONNX nodes of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from timing import SPEC

import archdsl
from archdsl import SpecError, ops
from archdsl.backends import onnx_direct
from archdsl.devices import build, fingerprint, runtimes
from archdsl.devices.keys import network_keys
from archdsl.devices.measure import Timer
from archdsl.devices.rounds import TimingPlan
from archdsl.ops.base import Attrs, Demand, Primitive, Sizes

QUICK = TimingPlan(rounds=2, seconds=0.0, least=1, more=0)


class Negated(Primitive):
    """Without a lowering of its own; PyTorch's exporter writes it."""

    name = "negated"
    summary = "-x"

    def shape(self, xs: Sequence[Sizes], a: Attrs, demand: Demand) -> Sizes:
        return xs[0]

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"-{names[0]}"


class Detour(Negated):
    """One that no exporter follows."""

    name = "detour"

    def expression(
        self, names: Sequence[str], layer: str | None, xs: Sequence[Sizes], y: Sizes, a: Attrs
    ) -> str:
        return f"torch.from_numpy({names[0]}.numpy())"


@pytest.fixture(autouse=True)
def strangers(monkeypatch) -> None:
    for primitive in (Negated(), Detour()):
        monkeypatch.setitem(ops._BY_NAME, primitive.name, primitive)


def network(op: str) -> archdsl.Network:
    text = f"arch 1\n\nnetwork N {{\n  input image: [3, 8, 8]\n  output y = image -> {op} -> relu\n}}\n"
    return archdsl.load(text).network()


def test_a_primitive_without_a_lowering_is_timed_as_pytorch_exports_it(tmp_path: Path) -> None:
    units = network_keys([network("negated")]).values()
    made = build.build(tmp_path / "t.json", units, Timer("onnxruntime", batch=2), plan=QUICK)
    assert {row.op: row.failed for row in made.rows} == {"negated": None, "relu": None}


def test_a_primitive_that_cannot_be_exported_either_is_a_failed_row_that_names_it(tmp_path: Path) -> None:
    units = network_keys([network("detour")]).values()
    made = build.build(tmp_path / "t.json", units, Timer("onnxruntime"), plan=QUICK)
    failed = {row.op: row.failed for row in made.rows}
    assert failed["relu"] is None
    assert "no ONNX lowering of `detour`" in (failed["detour"] or "")


def test_a_model_is_not_written_without_a_lowering() -> None:
    with pytest.raises(SpecError) as caught:
        onnx_direct.model(network("negated").graph)
    assert [d.code for d in caught.value.diagnostics] == ["ARCH862"]


def test_tables_of_the_same_runtimes_have_the_same_conditions_as_before() -> None:
    asked = {name: fingerprint.runtime(name).options for name in runtimes.RUNTIMES}
    assert asked == {
        "onnxruntime": {
            "provider": "CPUExecutionProvider",
            "graph optimisation": "all",
            "execution": "sequential",
            "waiting": "passive",
        },
        "eager": {"gradients": "off"},
        "compile": {"gradients": "off", "mode": "default"},
    }


def test_an_unknown_runtime_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    units = network_keys([archdsl.load(SPEC).network("Bare")]).values()
    with pytest.raises(SpecError) as caught:
        build.build(tmp_path / "t.json", units, Timer("onnxruntim"), plan=QUICK)
    (found,) = caught.value.diagnostics
    assert (found.code, found.help) == ("ARCH823", "did you mean `onnxruntime`?")
    assert not (tmp_path / "t.json").exists()
