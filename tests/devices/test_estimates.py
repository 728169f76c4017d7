"""Calibration, validation and estimates."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import SPEC, PretendTimer

import archdsl
from archdsl.devices import calibrate, table
from archdsl.devices.build import build
from archdsl.devices.calibrate import Fit, Sum
from archdsl.devices.estimate import estimate, final_upsampling, latency_ms
from archdsl.devices.keys import network_keys
from archdsl.devices.rounds import TimingPlan
from archdsl.devices.validate import measure, sample_networks, validate
from archdsl.diagnostics import SpecError
from archdsl.program import Network, Space

QUICK = TimingPlan(rounds=2, seconds=0.0, least=1)


@pytest.fixture
def space() -> Space:
    return archdsl.load("tiny.arch", text=SPEC).space("Tiny")


@pytest.fixture
def found() -> Network:
    return archdsl.load("tiny.arch", text=SPEC).network("Found")


def made(path: Path, networks: list[Network]) -> table.Table:
    return build(path, network_keys(networks).values(), PretendTimer("onnxruntime"), plan=QUICK)


def test_an_estimate_is_the_sum_of_its_lines_and_of_what_a_call_takes(tmp_path: Path, found: Network):
    by = made(tmp_path / "t.json", [found])
    one = estimate(found, by)
    assert one.missing == ()
    assert one.total_ms == pytest.approx(one.fixed_ms + sum(line.ms or 0 for line in one.lines))
    assert one.error_ms is None
    assert "uncalibrated" in one.notes[0]


def test_missing_rows_are_listed_and_not_guessed(tmp_path: Path, found: Network):
    by = made(tmp_path / "t.json", [found])
    lacking = by.model_copy(update={"rows": [row for row in by.rows if row.op != "block"]})
    one = estimate(found, lacking)
    assert len(one.missing) == 2
    assert all("block" in line for line in one.missing)
    assert str(one).startswith("at least ")
    assert one.total_ms < estimate(found, by).total_ms
    with pytest.raises(SpecError) as caught:
        latency_ms(found, lacking)
    assert [d.code for d in caught.value.diagnostics] == ["ARCH824"]


def test_validation_calibrates_and_is_judged_on_networks_it_did_not_see(tmp_path: Path, space: Space):
    path = tmp_path / "t.json"
    result = validate(space, path, PretendTimer("onnxruntime"), fit=40, held_out=30, rows=QUICK, whole=QUICK)
    calibration = table.read(path).calibration
    assert calibration == result.table.calibration
    assert calibration is not None
    assert calibration.held_out.networks == 30
    assert calibration.held_out.within_10 == 1.0
    assert calibration.held_out.spearman > 0.98
    assert calibration.held_out.mean_error <= calibration.rows_alone.mean_error
    inside = {frozenset(n.decisions.items()) for n in result.networks if not n.held_out}
    outside = {frozenset(n.decisions.items()) for n in result.networks if n.held_out}
    assert inside.isdisjoint(outside)


def test_a_validated_table_gives_an_error_with_every_estimate(tmp_path: Path, space: Space, found: Network):
    path = tmp_path / "t.json"
    validate(space, path, PretendTimer("onnxruntime"), fit=40, held_out=30, rows=QUICK, whole=QUICK)
    one = estimate(found, table.read(path))
    whole = measure(found, PretendTimer("onnxruntime"), QUICK)
    assert one.error_ms is not None
    assert "±" in str(one)
    assert one.total_ms == pytest.approx(whole.ms, rel=0.05)


def test_a_calibration_of_another_space_is_said_to_be_one(tmp_path: Path, space: Space, found: Network):
    path = tmp_path / "t.json"
    validate(space, path, PretendTimer("onnxruntime"), fit=20, held_out=10, rows=QUICK, whole=QUICK)
    bare = archdsl.load("tiny.arch", text=SPEC).network("Bare")
    build(path, network_keys([bare]).values(), PretendTimer("onnxruntime"), plan=QUICK)
    by = table.read(path)
    assert estimate(found, by).notes == ()
    assert estimate(bare, by).notes == ("calibration and error were measured on networks of Tiny at 3x16x32",)


def test_a_space_of_few_networks_is_not_judged(tmp_path: Path):
    text = "arch 1\nspace Two {\n input image: [3, 8, 8]\n output y = image -> conv(c = one of {2, 3})\n}\n"
    two = archdsl.load("two.arch", text=text).space()
    with pytest.raises(SpecError) as caught:
        validate(two, tmp_path / "t.json", PretendTimer("onnxruntime"), rows=QUICK, whole=QUICK)
    assert [d.code for d in caught.value.diagnostics] == ["ARCH825"]


def test_a_network_that_does_not_run_is_said_to_fail(found: Network):
    with pytest.raises(SpecError) as caught:
        measure(found, PretendTimer("onnxruntime", refuses=frozenset({"conv"})), QUICK)
    assert [d.code for d in caught.value.diagnostics] == ["ARCH826"]


def test_networks_are_drawn_without_repetition(space: Space):
    chosen = [frozenset(n.chosen.items()) for n in sample_networks(space, 60, seed=3)]
    assert len(set(chosen)) == len(chosen) == 60


def test_the_final_up_sampling_is_inside_only_where_the_output_ends_with_it(found: Network):
    assert final_upsampling(found) == "inside"
    bare = archdsl.load("tiny.arch", text=SPEC).network("Bare")
    assert final_upsampling(bare) == "outside: the output has 8x16, the image 16x32"


KEYS = tuple("abcdef")
ROWS = dict(zip(KEYS, (0.5, 1.0, 2.0, 0.1, 0.7, 3.0), strict=True))


def sums(number: int, seed: int = 0) -> list[Sum]:
    rng = random.Random(seed)
    found = []
    for _ in range(number):
        counts = {k: rng.randint(0, 4) for k in KEYS}
        found.append(Sum(counts, {k: "pq"[k > "c"] for k in KEYS}, sum(counts.values()) + 1))
    return found


@given(scale=st.floats(0.5, 2), per_unit=st.floats(0, 0.5), fixed=st.floats(0.1, 3), seed=st.integers(0, 99))
def test_a_line_through_rows_is_found_exactly(scale: float, per_unit: float, fixed: float, seed: int):
    networks = sums(30, seed)
    truth = Fit("line", scale, per_unit, fixed, {}, {})
    measured = [calibrate.predict(truth, n, ROWS) for n in networks]
    made = calibrate.fit_form("line", networks[:20], measured[:20], ROWS)
    assert [calibrate.predict(made, n, ROWS) for n in networks] == pytest.approx(measured, rel=1e-6)


def test_an_op_that_costs_more_between_others_is_learnt():
    networks = sums(80)
    truth = Fit("ops", 1.0, 0.01, 0.5, {"p": 1.5}, {"f": -0.4})
    measured = [calibrate.predict(truth, n, ROWS) for n in networks]
    made, errors = calibrate.fit(networks[:60], measured[:60], ROWS)
    assert made.form == "keys"
    assert errors["keys"] < errors["line"]
    predicted = [calibrate.predict(made, n, ROWS) for n in networks[60:]]
    assert predicted == pytest.approx(measured[60:], rel=0.02)


def test_where_a_line_is_enough_a_line_is_kept():
    networks = sums(60)
    measured = [calibrate.predict(Fit("line", 1.2, 0.02, 0.5, {}, {}), n, ROWS) for n in networks]
    noise = random.Random(1)
    measured = [m * noise.gauss(1, 0.02) for m in measured]
    made, _ = calibrate.fit(networks, measured, ROWS)
    better = replace(made, form="line")
    assert better.scale == pytest.approx(1.2, abs=0.1)


def test_no_network_gets_faster_by_what_it_computes():
    networks = sums(40)
    measured = [10.0 - 0.1 * n.units for n in networks]
    made = calibrate.fit_form("line", networks, measured, ROWS)
    assert made.scale >= 0
    assert made.per_unit_ms == 0


def test_rank_correlations_are_as_in_the_textbook():
    a, b = [1, 2, 3, 4, 5], [2, 1, 4, 3, 5]
    assert calibrate.spearman(a, b) == pytest.approx(0.8)
    assert calibrate.kendall(a, b) == pytest.approx(0.6)
    assert calibrate.spearman([1, 2, 2, 3], [1, 2, 2, 3]) == pytest.approx(1.0)
    assert calibrate.kendall([1, 1, 1], [1, 2, 3]) == 0.0
    tied, other = [1, 2, 2, 4], [1, 3, 2, 4]
    assert calibrate.kendall(tied, other) == pytest.approx(5 / 30**0.5)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 100), st.integers(1, 100)), min_size=3, max_size=20))
def test_the_line_through_macs_has_no_better_one_beside_it_at_any_scale(points):
    """Sizes of 10 and of 10¹⁰ give the same line; neither a slope nor a fixed cost is negative."""
    ms = [float(y) for _, y in points]

    def line(scale: float):
        through = calibrate.line_through([x * scale for x, _ in points], ms)
        fixed = through(0.0)
        return through(100 * scale) - fixed, fixed

    def error(rise: float, fixed: float) -> float:
        return sum(((rise * x / 100 + fixed) / y - 1) ** 2 for x, y in points)

    for rise, fixed in (line(1.0), line(1e8)):
        assert rise >= 0
        assert fixed >= 0
        for other in ((rise * 1.01, fixed), (rise * 0.99, fixed), (rise, fixed * 1.01), (rise, fixed * 0.99)):
            assert error(rise, fixed) <= error(*other) + 1e-9
    assert error(*line(1.0)) == pytest.approx(error(*line(1e8)), abs=1e-9)


def test_accuracy_counts_shares_within_bands():
    found = calibrate.accuracy([1.0, 1.04, 1.2, 0.93], [1.0, 1.0, 1.0, 1.0])
    assert (found.within_5, found.within_10) == (0.5, 0.75)
    assert found.worst_error == pytest.approx(0.2)
