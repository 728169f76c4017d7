"""Making tables, going on with them, and refusing those that are not to be trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import pytest
from timing import SPEC, PretendTimer

import archdsl
from archdsl.devices import build, table
from archdsl.devices.estimate import read_table
from archdsl.devices.keys import Unit, network_keys
from archdsl.devices.measure import Timer
from archdsl.devices.rounds import TimingPlan
from archdsl.devices.table import Accuracy, Calibration
from archdsl.diagnostics import SpecError

QUICK = TimingPlan(rounds=2, seconds=0.0, least=1)


def units() -> list[Unit]:
    return list(network_keys([archdsl.load("tiny.arch", text=SPEC).network("Found")]).values())


def built(path: Path, timer: Timer | None = None, **more: object) -> table.Table:
    return build.build(path, units(), timer or PretendTimer("onnxruntime"), plan=QUICK, **more)  # type: ignore[arg-type]


def codes(caught: pytest.ExceptionInfo[SpecError]) -> list[str]:
    return [d.code for d in caught.value.diagnostics]


def test_a_table_is_read_back_as_it_was_written(tmp_path: Path):
    made = built(tmp_path / "t.json")
    assert table.read(tmp_path / "t.json") == made
    assert {row.key for row in made.rows} == {unit.key.hash for unit in units()}


def test_rows_are_what_runs_take_less_what_running_nothing_takes(tmp_path: Path):
    made = built(tmp_path / "t.json")
    assert made.nothing_ms == pytest.approx(1.1, abs=0.01)
    assert all(row.ms is not None and row.ms < row.passes[0].low_ms for row in made.rows)


def test_real_ops_are_timed_by_onnxruntime(tmp_path: Path):
    made = built(tmp_path / "t.json", Timer("onnxruntime"))
    assert [row.failed for row in made.rows] == [None] * len(made.rows)
    assert all(row.median_ms and row.median_ms > 0 and row.iqr_ms is not None for row in made.rows)
    assert made.runtime.versions["onnxruntime"]


def test_real_ops_are_timed_by_torch(tmp_path: Path):
    made = built(tmp_path / "t.json", Timer("eager"))
    assert all(row.median_ms and row.median_ms > 0 for row in made.rows)


def test_a_table_that_is_not_there_is_reported_with_what_is(tmp_path: Path):
    built(tmp_path / "mine.json")
    with pytest.raises(SpecError) as caught:
        read_table(tmp_path / "mne.json")
    assert codes(caught) == ["ARCH715"]
    assert "no such file" in caught.value.diagnostics[0].headline
    assert "mine.json" in (caught.value.diagnostics[0].help or "")


def test_what_was_timed_is_not_timed_again(tmp_path: Path):
    built(tmp_path / "t.json")
    again = PretendTimer("onnxruntime")
    built(tmp_path / "t.json", again)
    assert again.asked == []


def test_a_table_that_was_interrupted_goes_on_where_it_stopped(tmp_path: Path):
    def stop(progress: build.BuildProgress) -> None:
        if progress.share > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built(tmp_path / "t.json", progress=stop)
    begun = table.read(tmp_path / "t.json")
    assert begun.rows
    whole = built(tmp_path / "t.json")
    assert all(len(row.passes) == QUICK.rounds for row in whole.rows)
    assert len(whole.rows) == len(units())


def test_an_op_that_does_not_run_is_listed_with_the_words_of_the_runtime(tmp_path: Path):
    made = built(tmp_path / "t.json", PretendTimer("onnxruntime", refuses=frozenset({"max_pool"})))
    failed = build.failed_rows(made)
    assert [(row.op, row.failed, row.ms) for row in failed] == [
        ("max_pool", "NotImplementedError: no such kernel", None)
    ]


def test_a_row_that_failed_is_tried_again(tmp_path: Path):
    built(tmp_path / "t.json", PretendTimer("onnxruntime", refuses=frozenset({"max_pool"})))
    assert build.failed_rows(built(tmp_path / "t.json")) == []


@pytest.mark.parametrize(
    ("part", "field", "value", "said"),
    [
        ("device", "model", "Abacus", "device: Abacus in the table"),
        ("runtime", "versions", {"onnxruntime": "0.1"}, "version of onnxruntime: 0.1 in the table"),
        ("protocol", "dtype", "float16", "dtype: float16 in the table, float32 here"),
        ("protocol", "threads", 7, "threads: 7 in the table, 1 here"),
    ],
)
def test_a_table_of_other_conditions_is_refused_with_what_differs(
    tmp_path: Path, part: str, field: str, value: object, said: str
):
    path = tmp_path / "t.json"
    built(path)
    data = json.loads(path.read_text())
    data[part][field] = value
    path.write_text(json.dumps({**data, "sha256": "edited"}))
    before = path.read_bytes()
    for attempt in (lambda: built(path), lambda: read_table(path, threads=1)):
        with pytest.raises(SpecError) as caught:
            attempt()
        assert codes(caught) == ["ARCH821"]
        assert said in caught.value.diagnostics[0].headline
        assert "latency build" in (caught.value.diagnostics[0].help or "")
    assert path.read_bytes() == before
    _, stale = read_table(path, threads=1, allow_stale=True)
    assert any(said in line for line in stale)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[" * 100_000,
        lambda text: "[1, 2]",
        lambda text: text.replace('"ms"', '"millis"', 1),
        lambda text: text.replace("conv(", "dwconv(", 1),
        lambda text: text.replace('"low_ms":', '"low_ms":-', 1),
        lambda text: re.sub(r'"nothing_ms": *[\d.e-]+', '"nothing_ms": NaN', text),
        lambda text: re.sub(r'"nothing_ms": *[\d.e-]+', '"nothing_ms": 1e308', text),
        lambda text: json.dumps({**json.loads(text), "rows": json.loads(text)["rows"] * 2}),
        lambda text: text.replace('"archdsl_latency_table": 2', '"archdsl_latency_table": 3'),
        lambda text: text.replace('"archdsl_latency_table": 2', '"archdsl_latency_table": 1'),
        lambda text: re.sub(r'"nothing_ms": *[\d.e-]+', '"nothing_ms": 0.5', text),
        lambda text: re.sub(r'("nothing_ms": *[\d.e-]+)', r"\1, \1", text),
        lambda text: re.sub(r',\s*"sha256": "\w+"', "", text),
    ],
    ids=[
        "half",
        "empty",
        "deep",
        "a list",
        "another field",
        "an edited row",
        "negative",
        "not a number",
        "ages",
        "rows twice",
        "another version",
        "an earlier version",
        "an edited number",
        "a duplicate key",
        "without its checksum",
    ],
)
def test_a_spoiled_table_is_refused_and_stays_as_it_is(tmp_path: Path, spoil):
    path = tmp_path / "t.json"
    built(path)
    path.write_text(spoil(path.read_text()))
    before = path.read_bytes()
    for attempt in (lambda: table.read(path), lambda: built(path)):
        with pytest.raises(SpecError) as caught:
            attempt()
        assert codes(caught) == ["ARCH820"]
        assert caught.value.diagnostics[0].primary is not None
    assert path.read_bytes() == before


def test_a_table_that_was_edited_on_purpose_says_so_and_is_read(tmp_path: Path):
    path = tmp_path / "t.json"
    built(path)
    data = {**json.loads(path.read_text()), "nothing_ms": 0.5}
    path.write_text(json.dumps(data))
    with pytest.raises(SpecError) as caught:
        table.read(path)
    assert '"sha256": "edited"' in (caught.value.diagnostics[0].help or "")
    path.write_text(json.dumps({**data, "sha256": "edited"}))
    assert table.read(path).nothing_ms == 0.5


def test_rows_that_are_added_to_an_edited_table_leave_it_an_edited_table(tmp_path: Path):
    path = tmp_path / "t.json"
    built(path)
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "rows": data["rows"][1:], "sha256": "edited"}))
    built(path)
    again = json.loads(path.read_text())
    assert (len(again["rows"]), again["sha256"]) == (len(data["rows"]), "edited")
    assert table.read(path).edited


def numbers_in(data: object, way: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """The ways to all numbers of some JSON."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from numbers_in(value, (*way, key))
    if type(data) in (int, float):
        yield way


@pytest.mark.parametrize("instead", [True, "1"])
def test_no_number_of_a_table_can_be_a_truth_value_or_a_text(tmp_path: Path, instead: object):
    path = tmp_path / "t.json"
    made = built(path)
    accuracy = Accuracy(
        networks=9, spearman=1, kendall=1, mean_error=0.1, worst_error=0.1, within_5=1, within_10=1
    )
    calibration = Calibration(
        scale=1, per_unit_ms=0.1, fixed_ms=0.1, op_scales={"conv": 1.1}, corrections_ms={made.rows[0].key: 1},
        error=0.1, form="sum", fitted_on=9, seed=0, held_out=accuracy, rows_alone=accuracy,
        macs_alone=accuracy, inputs={"image": (3, 16, 32)}, final_upsampling="inside",
    )  # fmt: skip
    table.write(made.model_copy(update={"calibration": calibration, "rows": made.rows[:1]}), path)
    whole = {**json.loads(path.read_text()), "sha256": "edited", "settings": {}}
    path.write_text(json.dumps(whole))
    assert table.read(path).calibration == calibration
    ways = list(numbers_in(whole))
    assert len(ways) > 40
    for way in ways:
        data = json.loads(json.dumps(whole))
        *before, last = way
        reduce(lambda part, key: part[key], before, data)[last] = instead
        path.write_text(json.dumps(data))
        with pytest.raises(SpecError, match="not a complete latency table"):
            table.read(path)


@pytest.mark.parametrize("version", [{"archdsl_latency_table": 1}, {}])
def test_a_table_made_by_hand_needs_no_checksum(tmp_path: Path, version: dict):
    path = tmp_path / "t.json"
    made = built(path)
    data = json.loads(path.read_text())
    del data["archdsl_latency_table"], data["sha256"]
    path.write_text(json.dumps({**version, **data}))
    assert table.read(path).rows == made.rows


@pytest.mark.parametrize("place", ["key", "op", "text"])
def test_a_table_with_half_a_character_is_refused_where_it_is_read(tmp_path: Path, place: str):
    path = tmp_path / "t.json"
    built(path)
    data = json.loads(path.read_text())
    whole = json.dumps({**data, "spec": "\U0001f600", "sha256": "edited"})
    data["rows"][0][place] = "\ud83d"
    path.write_text(json.dumps({**data, "sha256": "edited"}))
    with pytest.raises(SpecError, match="not a complete latency table") as caught:
        table.read(path)
    assert "surrogate" in caught.value.diagnostics[0].primary.text
    path.write_text(whole)
    assert table.read(path).spec == "\U0001f600"


def test_bytes_that_are_no_text_are_no_table(tmp_path: Path):
    (tmp_path / "t.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(SpecError) as caught:
        table.read(tmp_path / "t.json")
    assert codes(caught) == ["ARCH820"]


@pytest.mark.parametrize("backend", ["openvino", "tensorrt"])
def test_runtimes_that_cannot_be_timed_are_named(tmp_path: Path, backend: str):
    with pytest.raises(SpecError) as caught:
        built(tmp_path / "t.json", Timer(backend))
    assert codes(caught) == ["ARCH823"]
    assert not (tmp_path / "t.json").exists()
