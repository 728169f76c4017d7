"""Searches whose strategy, evaluator and objectives a Python program hands over, as texts or as objects."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import archdsl
from archdsl import SpecError
from archdsl.cli import run
from archdsl.runs.lines import read_records

SPACE = """arch 1

space S {
  input image: [3, 16, 32]
  a = image -> one of {small: conv(c = 8), large: conv(c = 8, k = 5), tiny: conv(c = 8, k = 1)}
  b = a -> one of {small: conv(c = 8), large: conv(c = 8, k = 5), tiny: conv(c = 8, k = 1)}
  output logits = b -> conv(c = 11, k = 1)
}
"""
WITH_SEARCH = (
    SPACE
    + """
search Q for S {
  strategy = differentiable(epochs = 2)
  architecture { optimizer = adam }
  seed = 3
  data = synthetic(batch = 4)
  minimize cross_entropy
  require params >= 1000
}
"""
)


class InTurn:
    """Every network, in turn; an own strategy in a few lines."""

    def __init__(self, domain, seed):
        self.left = [(a, b) for a in range(domain.sizes[0]) for b in range(domain.sizes[1])]
        random.Random(seed).shuffle(self.left)

    def propose(self):
        return self.left.pop() if self.left else None

    def observe(self, seen):
        pass


class Depth:
    """An own evaluator."""

    def score(self, candidate):
        return {"layers": len(candidate.network.graph.nodes), "weight": candidate.network.params}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def trials(folder: str) -> list[dict]:
    return [record for record in read_records(Path(folder, "journal.jsonl")) if record["kind"] == "tried"]


def test_a_space_without_a_search_is_searched_by_objects():
    found = archdsl.search(
        SPACE, strategy=InTurn, evaluate=Depth(), scores=["weight"], minimize="weight", folder="run"
    )
    assert len(trials("run")) == 9
    assert found.network.params == min(one["scores"]["weight"] for one in trials("run"))
    assert "own_strategy" not in archdsl.load(SPACE).unit.source.text
    text = Path("run/spec.arch").read_text()
    assert "strategy = own_strategy" in text
    assert "minimize weight" in text


def test_an_evaluator_and_an_objective_are_functions():
    def small_and_shallow(candidate, scores):
        return scores["layers"] * 1e6 + candidate.network.params

    found = archdsl.search(
        SPACE, strategy=InTurn, evaluate=lambda candidate: Depth().score(candidate), scores=["layers"],
        minimize=small_and_shallow, folder="run",
    )  # fmt: skip
    assert found.network.chosen == {"a.1": "tiny", "b.1": "tiny"}
    with pytest.raises(
        SpecError, match="unknown strategy"
    ):  # what was handed over is known in that call alone
        archdsl.load(Path("run/spec.arch")).search()


def test_clauses_from_outside_are_in_the_place_of_those_of_the_search():
    found = archdsl.search(
        WITH_SEARCH, strategy=InTurn, minimize="log(macs)", require="params <= 4000", folder="run"
    )
    assert 1000 <= found.network.params <= 4000
    assert all(1000 <= one["costs"]["params"] <= 4000 for one in trials("run"))
    text = Path("run/spec.arch").read_text()
    assert "seed = 3" in text
    assert not any(word in text for word in ("adam", "cross_entropy", "synthetic"))


def test_clauses_that_the_strategy_does_not_read_are_rejected_before_anything_is_written(capsys):
    Path("s.arch").write_text(WITH_SEARCH)
    clauses = ["--evaluate", "costs", "--minimize", "macs"]
    assert run(["search", "s.arch", *clauses, "--strategy", "differentiable", "-o", "run"]) == 1
    assert "ARCH606" in capsys.readouterr().err
    assert not Path("run/journal.jsonl").exists()


@pytest.mark.parametrize(
    ("clauses", "words"),
    [
        ({"strategy": "random\n  trials = 3"}, "2 clauses"),
        ({"minimize": "macs }\nspace T {"}, "not a clause"),
        ({"strategy": "evolve"}, "unknown"),
        ({"minimize": "macs", "strategy": ""}, "not a clause"),
        ({"require": "params"}, "comparison"),
    ],
)
def test_what_is_not_one_clause_is_rejected(clauses, words):
    with pytest.raises(SpecError, match=words):
        archdsl.search(SPACE, **{"strategy": InTurn, "minimize": "macs", **clauses}, folder="run")


def test_objects_of_other_types_are_rejected():
    with pytest.raises(TypeError, match="strategy must be a string or a function"):
        archdsl.search(SPACE, strategy=3, minimize="macs")
    with pytest.raises(TypeError, match="evaluate must be a string, an evaluator or a function"):
        archdsl.search(SPACE, strategy=InTurn, evaluate=3, minimize="macs")


def test_an_ill_typed_network_that_passes_leave_is_a_failed_trial_and_the_search_continues():
    text = """arch 1
space S(; classes = 11) {
  input image: [3, 32, 64]
  a = image -> conv(c = one of {4, 8, 16})
  b = image -> conv(c = one of {4, 8})
  output logits = a + b -> conv(c = classes, k = 1)
}
"""
    archdsl.search(
        text, strategy="random", evaluate="training(epochs = 1)", maximize="miou", folder="run",
        data="synthetic:images=2,size=32x64,batch=2", settings={"trials": 4}, device="cpu",
        passes="prune(a.1 = {4, 8})",
    )  # fmt: skip
    failed = [one["failure"]["reason"] for one in trials("run") if one["state"] == "failed"]
    assert len(trials("run")) == 4
    assert len(failed) == 2
    assert all("ARCH301" in reason for reason in failed)
