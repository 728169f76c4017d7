"""What the journal of a search by trials comes to: history, table, pictures, page, by journals made here."""

from __future__ import annotations

import csv
import io
import random
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import fake_trials
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.report.run import read_run
from archdsl.search.trials import pictures
from archdsl.search.trials.front import bounds, hypervolume, scaled
from archdsl.search.trials.history import History, best_so_far, history_of, read_history
from archdsl.search.trials.importance import explained, importance
from archdsl.search.trials.page import Found, trials_page
from archdsl.search.trials.table import trials_csv

sys.path.append(str(Path(__file__).parents[1] / "report"))
from reading import HOSTILE, Tags, picture
from reading import pictures as pictures_of

THREE = (("maximize", "miou"), ("minimize", "latency"), ("minimize", "params"))


def history(count: int = 60, goals: Any = fake_trials.GOALS, **others: Any) -> History:
    found = history_of(fake_trials.records(count, goals, **others))
    assert found is not None
    return found


def table(of: History, active: Any = None) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(trials_csv(of, active))))


def test_the_table_has_every_trial_as_it_was_recorded() -> None:
    records = [one for one in fake_trials.records(40, failing=0.2) if one["kind"] == "tried"]
    rows = table(history(40, failing=0.2))
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        assert row["number"] == str(record["number"])
        assert row["state"] == record["state"]
        values = [
            float(row[name]) if row[name] else None for name in ("goal: maximize miou", "goal: minimize macs")
        ]
        assert values == record["values"]
        assert row["failure"] == record.get("failure", {}).get("kind", "")
        assert int(row["macs"]) == record["costs"]["macs"]
        decided = zip(fake_trials.DECISIONS.items(), record["outcomes"], strict=True)
        assert all(row[path] == texts[n] for (path, texts), n in decided)


def test_the_table_marks_the_front_and_leaves_decisions_empty_that_do_not_arise() -> None:
    found = history(50)
    rows = table(found, lambda outcomes: [n % 2 == 0 for n in range(len(outcomes))])
    marked = {int(row["number"]) for row in rows if row["front"] == "1"}
    assert marked == {trial.number for trial in found.front}
    assert rows[0]["body[1].op"]
    assert not rows[0]["body[2].op"]


def test_no_cell_of_the_table_is_a_formula() -> None:
    records = fake_trials.records(3, failing=1.0)
    records[1]["failure"] = {"kind": "exception", "reason": '=HYPERLINK("http://x")'}
    records[2]["failure"] = {"kind": "exception", "reason": "-1.5"}
    reasons = [row["reason"] for row in table(history_of(records))]  # type: ignore[arg-type]
    assert reasons[:2] == ['\'=HYPERLINK("http://x")', "-1.5"]


def test_of_networks_that_were_trained_for_several_epochs_the_longest_counts() -> None:
    records = fake_trials.records(2, [("maximize", "miou")], failing=0.0)
    first, second = records[1], records[2]
    first |= {"values": [0.9], "epochs": 1}
    again = {**first, "number": 3, "values": [0.5], "epochs": 9}
    second |= {"values": [0.6], "epochs": 9}
    found = history_of([records[0], first, second, again])
    assert found is not None
    assert found.best is not None
    assert found.best.number == 2


@given(st.lists(st.integers(0, 9) | st.none(), max_size=30), st.sampled_from(["minimize", "maximize"]))
@settings(max_examples=50, deadline=None)
def test_the_best_so_far_is_the_best_of_the_trials_before(values: list[int | None], direction: str) -> None:
    records = fake_trials.records(len(values), [(direction, "macs")], failing=0.0)
    for record, value in zip(records[1:], values, strict=False):
        record |= {"values": [value], "state": "failed" if value is None else "scored"}
    found = history_of(records)
    assert found is not None
    better = min if direction == "minimize" else max
    steps = dict(best_so_far(found))
    best: float | None = None
    for n, value in enumerate(values, 1):
        now = value if best is None else best if value is None else better(best, value)
        assert (n in steps) == (now != best)
        best = now
        assert steps.get(n, now) == now


EXTREME = [10**400, -(10**400), 1.7e308, -1.7e308, 5e-324, 1e150, -1e150, 2**53]
damage = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(EXTREME),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_a_damaged_record_is_left_out_and_the_rest_is_shown(data: st.DataObject) -> None:
    records = fake_trials.records(12)
    for _ in range(data.draw(st.integers(1, 4))):
        record = data.draw(st.sampled_from(records[1:]))
        values = st.lists(st.sampled_from(EXTREME) | st.floats(), min_size=2, max_size=2)
        key = data.draw(st.sampled_from(sorted(record)))
        record[key] = data.draw(values if key == "values" else damage)
    found = history_of(records)
    assert found is not None
    assert len(found.trials) >= 12 - 2 * 4  # a number may now be that of another trial
    trials_csv(found)
    pictures.pareto(found)
    pictures.best_figure(found, 0)
    pictures.volume_figure(found)
    pictures.fronts_over_time(found)
    importance(found, 0)


@given(damage, st.sampled_from(["goals", "decisions"]))
@settings(max_examples=50, deadline=None)
def test_a_journal_that_does_not_say_its_goals_and_decisions_has_no_history(found: Any, field: str) -> None:
    records = fake_trials.records(2)
    records[0][field] = found
    read = history_of(records)
    assert read is None or (field == "decisions" and list(read.decisions) == list(found))


@pytest.mark.parametrize("goals", [fake_trials.GOALS, THREE], ids=len)
def test_the_hypervolume_grows_with_the_trials_to_that_of_the_front(goals: Any) -> None:
    found = history(120, goals)
    steps = [volume for _, volume in pictures.hypervolumes(found)]
    assert all(after > before - 1e-9 for before, after in pairwise(steps))
    low, high = bounds(map(found.lower, found.scored))
    front = [scaled(found.lower(trial), low, high) for trial in found.front]
    assert steps[-1] == pytest.approx(hypervolume(front, (1.0,) * len(goals)))


def test_effects_of_decisions_add_up_over_all_networks() -> None:
    """Of y = 3a + b over all (a, b), a explains nine tenths, as its variance is nine times that of b."""
    by_a = [[3.0 * a + b for b in range(5)] for a in range(5)]
    by_b = [[3.0 * a + b for a in range(5)] for b in range(5)]
    assert explained(by_a) == pytest.approx(0.9, abs=0.03)
    assert explained(by_b) == pytest.approx(0.1, abs=0.1)
    assert explained(by_a) > 10 * explained(by_b)


def test_chance_explains_nothing() -> None:
    rng = random.Random(3)
    shares = [explained([[rng.gauss(0, 1) for _ in range(6)] for _ in range(8)]) for _ in range(200)]
    assert sum(shares) / len(shares) < 0.06  # by chance alone, 7 of 47 degrees of freedom: 0.15


def test_the_decision_that_matters_comes_first_and_few_trials_show_nothing() -> None:
    assert next(iter(importance(history(300), 1))) == "width"
    assert importance(history(10), 0) == {}
    assert all(0 <= share <= 1 for share in importance(history(100), 0).values())


@pytest.mark.parametrize("goals", [[("minimize", "macs")], fake_trials.GOALS, THREE], ids=len)
@pytest.mark.parametrize("count", [0, 1, 60])
def test_the_page_is_whole_for_any_number_of_goals_and_trials(goals: Any, count: int, tmp_path: Path) -> None:
    records = fake_trials.records(count, goals, failing=0.2, ended=count > 1)
    folder = fake_trials.write_run(tmp_path, records)
    found = read_history(folder / "journal.jsonl")
    assert found is not None
    page = trials_page(read_run(folder), found, Found("the best", "arch 1\n", "<svg></svg>", "conv"))
    tags = Tags(page)
    assert tags.open == []
    assert not {"script", "link", "iframe"} & set(tags.seen)
    for text in ("Objectives:", "How to reproduce it"):
        assert text in page
    assert ("Not finished" in page) == (count <= 1)
    if count > 1:
        titles = {f"Best so far: {direction} {text}" for direction, text in goals}
        assert all(picture(page, title) is not None for title in titles)
        assert ("Pareto front" in page) == (len(goals) > 1)
        assert "Failures" in page
        assert "exception in layer" in page


def test_names_and_reasons_of_strangers_are_shown_as_text(tmp_path: Path) -> None:
    records = fake_trials.records(30, [("minimize", HOSTILE.lower()), ("maximize", "miou")][1:], failing=0.5)
    records[0]["decisions"] = {path + HOSTILE: texts for path, texts in records[0]["decisions"].items()}
    for record in records[1:-1]:
        if "failure" in record:
            record["failure"]["reason"] += HOSTILE
    folder = fake_trials.write_run(tmp_path, records)
    found = read_history(folder / "journal.jsonl")
    assert found is not None
    shares = [importance(found, 0)]
    page = trials_page(read_run(folder), found, Found(importance=shares))
    assert "<script>" not in page
    assert pictures_of(page)


def test_a_front_of_all_trials_of_many_goals_makes_small_pictures() -> None:
    names = ["miou", "macs", "latency", "params", "accuracy", "depth"]
    records = fake_trials.records(0, [("minimize", name) for name in names])
    rng = random.Random(1)
    for n in range(1, 3001):
        values = [rng.random() for _ in names]
        values[-1] = 5.0 - sum(values[:-1])  # none dominates another
        trial = {"kind": "tried", "number": n, "outcomes": [0] * 9, "values": values, "state": "scored"}
        trial["outcomes"][:3] = [n % 5, n // 5 % 5, n // 25 % 5]
        records.append(trial | {"epochs": 1})
    found = history_of(records)
    assert found is not None
    assert len(found.front) == 125  # by network
    every = [found.lower(trial) for trial in found.scored]
    drawn = pictures.front_picture([pictures.Shown("all", every, (), every)], found.goals, "all")
    assert len(drawn) < 3_000_000
    assert pictures.hypervolumes(found) == []


def test_a_hundred_thousand_trials_make_small_pages() -> None:
    """By ten thousand of them, whose pictures have as many dots."""
    found = history(10_000)
    drawn = [pictures.pareto(found), pictures.best_figure(found, 0), pictures.volume_figure(found)]
    assert max(map(len, drawn)) < 500_000


def test_a_line_without_end_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archdsl.runs import lines

    monkeypatch.setattr(lines, "LONGEST_LINE", 2000)
    records = fake_trials.records(4)
    records[2]["worker"] = "x" * 9000
    found = read_history(fake_trials.write(tmp_path / "journal.jsonl", records))
    assert found is not None
    assert [trial.number for trial in found.trials] == [1, 3, 4]
    assert found.unread == 1
