"""Which sampler holds for which decision, and what is said where the text leaves that unclear."""

from __future__ import annotations

import pytest

import archdsl
from archdsl.ir.paths import is_named
from archdsl.search.differentiable.samplers import Sampler, by_decision
from small_search import SPEC, plan_of, program

_ADAM = "    optimizer = adam(lr = 0.05, betas = [0.5, 0.999])\n"


def with_lines(*lines: str, where: str = _ADAM) -> str:
    """The small search with lines in its group `architecture`."""
    return SPEC.replace(where, where + "".join(f"    {line}\n" for line in lines))


def samplers(*lines: str, where: str = _ADAM, **overrides: object) -> dict[str, Sampler]:
    text = with_lines(*lines, where=where)
    plan = plan_of(text, **overrides)
    return by_decision(plan.sampler, plan.gates_from, plan.samplers, program(text).space().graph)


def refused(*lines: str, where: str = _ADAM, code: str = "ARCH606") -> archdsl.diagnostics.Diagnostic:
    with pytest.raises(archdsl.SpecError) as error:
        samplers(*lines, where=where)
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.code == code
    return diagnostic


@pytest.mark.parametrize(
    ("name", "path", "holds"),
    [
        ("hyper", "hyper[1].gate", True),
        ("hyper.gate", "hyper[1].gate", True),
        ("hyper[1]", "hyper[1].gate", True),
        ("hyper[1]", "hyper[11].gate", False),
        ("hyper[2].gate", "hyper[1].gate", False),
        ("cells[3, 8].kind", "cells[3, 8].kind", True),
        ("cells.kind", "cells[3, 8].kinds", False),
        ("hyper.Reduce.pm", "hyper[1].Reduce", False),
    ],
)
def test_a_name_holds_for_the_paths_that_begin_with_it(name, path, holds):
    assert is_named(path, name) == holds


def test_decisions_that_a_line_names_have_its_sampler_and_the_others_the_usual_one():
    found = samplers("hyper.gate = softmax(tau = 2.0)", "hyper[1].Reduce = hard(start = 2)")
    assert found["hyper[2].gate"] == Sampler("softmax", 2.0, 2.0)
    assert found["hyper[1].Reduce.pm"] == Sampler("hard", 1.0, 1.0, start=2)
    assert found["hyper[1].Normal.pm"] == Sampler("gumbel", 3.0, 0.1)


def test_gates_from_is_the_start_of_gates_that_no_line_names():
    found = samplers("hyper[1].gate = softmax(start = 5)", gates_from=2)
    assert (found["hyper[1].gate"].start, found["hyper[2].gate"].start) == (5, 2)
    assert found["hyper[2].gate"].at(1, 3).started is False
    assert found["hyper[2].gate"].at(2, 3).started is True


def test_temperatures_fall_along_their_schedule_from_the_first_epoch_to_the_last():
    (straight, falling) = (
        samplers(f"hyper.gate = gumbel(tau = 4.0, end = 0.25, schedule = {shape})")["hyper[1].gate"]
        for shape in ("linear", "exponential")
    )
    assert [straight.at(epoch, 3).tau for epoch in range(3)] == pytest.approx([4.0, 2.125, 0.25])
    assert [falling.at(epoch, 3).tau for epoch in range(3)] == pytest.approx([4.0, 1.0, 0.25])


def test_settings_from_outside_are_those_of_the_usual_sampler():
    found = samplers("hyper.gate = softmax", sampler="one_path", tau=1.5, schedule="cosine", start=2)
    assert found["hyper[1].gate"] == Sampler("softmax", 1.0, 1.0)
    assert found["hyper[1].Reduce.pm"] == Sampler("one_path", 1.5, 0.1, "cosine", 2)


def test_a_name_of_no_decision_is_refused_with_the_closest():
    assert refused("hyper.gates = softmax").help == "did you mean `hyper.gate`?"


def test_two_lines_for_one_decision_are_refused():
    found = refused("hyper.gate = softmax", "hyper[1] = hard")
    assert found.headline == "`hyper.gate` and `hyper[1]` both set the sampler of `hyper[1].gate`"


def test_a_word_of_another_kind_is_refused_where_a_sampler_stands():
    found = refused("hyper.gate = adam(lr = 0.1)", code="ARCH607")
    assert "expected a sampler, got `adam`" in found.headline
    assert "expected a sampler, got 3" in refused("hyper.gate = 3", code="ARCH607").headline


def test_a_temperature_that_cannot_be_is_refused_at_its_place():
    found = refused("hyper.gate = gumbel(tau = 1.0, end = 0.0)", code="ARCH607")
    assert "`end` of `gumbel` must be a number >= 0.0001, got 0.0" in found.headline
    assert found.primary is not None
    at = found.primary.location
    assert at.source.text[at.start : at.end] == "0.0"


def test_a_schedule_of_rates_is_refused_for_temperatures():
    assert "`lr`" in refused("hyper.gate = gumbel(end = 0.1, schedule = cosine(lr = 0.1))").headline


def test_decisions_are_set_in_the_group_of_the_architecture_alone():
    help = refused("hyper.gate = softmax", where="  parameters {\n").help
    assert help is not None
    assert "architecture {" in help


def test_a_manifest_has_the_power_of_a_schedule_that_reads_it_alone():
    plain, poly = (
        plan_of(with_lines(f"hyper.gate = gumbel(end = 0.1, schedule = {shape})")).settings()["samplers"]
        for shape in ("linear", "poly(power = 2)")
    )
    assert (plain["hyper.gate"].get("power"), poly["hyper.gate"]["power"]) == (None, 2)
