"""A loss may name the output that it is for: of trainings, of searches, and of their evaluators."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import archdsl
from archdsl.cli import run
from archdsl.diagnostics import SpecError
from archdsl.runs.lines import read_records
from archdsl.search.differentiable.objective import ObjectiveFunction
from archdsl.search.folder import SearchFolder
from archdsl.search.reading import read_config
from archdsl.search.scores import losses_of
from archdsl.spec.loss_text import read_loss
from archdsl.spec.search_values import terms_in, written
from archdsl.train import losses as losses_of_maps
from archdsl.train.output_losses import output_losses
from archdsl.train.task import Task
from small_search import ALONE

NETWORK = """arch 1

network Heads(; classes = 11) {
  input image: [3, 32, 64]
  a = image -> conv(c = 4, s = 2) -> bn -> relu
  output logits = a -> conv(c = classes, k = 1) -> upsample(like = image)
  output edge = a -> conv(c = 1, k = 1)
  output aux train = a -> conv(c = 4) -> conv(c = classes, k = 1)
}
"""
SPACE = NETWORK.replace("network Heads", "space Heads").replace(
    "c = 4, s = 2", "c = 4, k = one of {1, 3}, s = 2"
)
DATA = ["--data", "synthetic:images=4,size=32x64", "--device", "cpu"]
TRAIN = ["train", "net.arch", *DATA, "--batch", "2", "--epochs", "1"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text(NETWORK)
    return tmp_path


def losses(folder: str) -> list[float]:
    return [r["loss"] for r in read_records(Path(folder) / "journal.jsonl") if r["kind"] == "step"]


def search(clauses: str, folder: str = "s") -> int:
    Path("space.arch").write_text(f"{SPACE}\nsearch Q for Heads {{\n{clauses}\n}}\n")
    return run(["search", "space.arch", *DATA, "--out", folder])


def test_a_loss_without_a_name_is_of_the_main_output_bit_for_bit():
    assert run([*TRAIN, "--loss", "ohem", "--out", "a"]) == 0
    assert run([*TRAIN, "--loss", "ohem(logits)", "--out", "b"]) == 0
    assert (Path("a") / "journal.jsonl").read_bytes() == (Path("b") / "journal.jsonl").read_bytes()


def test_named_outputs_are_trained_as_auxiliary_ones_are():
    assert run([*TRAIN, "--aux", "aux=0.4", "--out", "a"]) == 0
    assert run([*TRAIN, "--loss", "ohem(logits) + 0.4 * ohem(aux)", "--out", "b"]) == 0
    assert losses("b") == pytest.approx(losses("a"), rel=1e-5)


def test_what_is_not_trained_is_still_named(capsys: pytest.CaptureFixture[str]):
    assert run([*TRAIN, "--loss", "ohem(logits) + 0.4 * ohem(aux)", "--out", "a"]) == 0
    found = capsys.readouterr()
    assert "warning: not trained: edge" in found.err
    assert "logits on labels, aux on labels" in found.out


@pytest.mark.parametrize(
    ("loss", "code", "at"),
    [
        ("ohem(logit)", "ARCH836", "6: logit"), ("ohem + ohem(edge)", "ARCH837", "13: edge"),
        ("ohem + macs", "ARCH839", "8: macs"), ("ohem < 2", "ARCH839", "1: ohem"),
        ("ohem(logits, aux)", "ARCH604", "14: aux"),
        ("ohem(aux)", "ARCH839", "1: ohem"), ("ohem +", "ARCH100", "7:"), ("ohm", "ARCH601", "1: ohm"),
        ("ohem(threshold = 2)", "ARCH607", "18: 2"), ("ohem }\nspace X {", "ARCH839", "1: ohem"),
        ('ohem(logits, outputs = ["aux"])', "ARCH604", "1: ohem"),
        ("0 * ohem", "ARCH839", "5: weight 0"), ("-1 * ohem", "ARCH839", "6: negative"),
        ("ohem - ohem(aux)", "ARCH839", "8: negative"), ("ohem(logits) / -2", "ARCH839", "1: negative"),
    ],
)  # fmt: skip
def test_a_loss_that_cannot_be_trained_is_located(
    loss: str, code: str, at: str, capsys: pytest.CaptureFixture[str]
):
    assert run([*TRAIN, "--loss", loss, "--out", "a"]) == 1
    found = capsys.readouterr().err
    column, _, text = at.partition(":")
    assert f"error[{code}]" in found
    assert f" --> --loss:1:{column}\n" in found
    assert text.strip() in found
    assert not Path("a").exists()


def test_a_run_is_resumed_with_its_loss():
    loss = "cross_entropy(logits) + 0.4 * cross_entropy(aux, compare_at = logits)"
    assert run([*TRAIN, "--loss", loss, "--out", "a"]) == 0
    before = (Path("a") / "journal.jsonl").read_bytes()
    for path in (Path("a") / "checkpoints").iterdir():
        path.unlink()
    assert run(["train", "net.arch", "--resume", "a", "--device", "cpu"]) == 0
    assert (Path("a") / "journal.jsonl").read_bytes() == before
    assert json.loads((Path("a") / "manifest.json").read_text())["settings"]["loss"] == loss


def test_the_objective_of_a_search_adds_up_its_losses():
    goal = "minimize ohem(logits) + 0.4 * cross_entropy(aux) - 1e-6 * macs"
    program = archdsl.load("space.arch", text=f"{SPACE}\nsearch Q for Heads {{\n  {goal}\n}}\n")
    config = read_config(program.search())
    assert [written(term) for term in losses_of(config)] == ["ohem(logits)", "cross_entropy(aux)"]
    objective = ObjectiveFunction(config, program.space())
    draw = torch.Generator().manual_seed(0)
    found = {name: torch.randn(2, 11, 16, 32, generator=draw) for name in ("logits", "aux")}
    labels = torch.randint(0, 11, (2, 32, 64), generator=draw)
    parts = objective.task_losses(found, {"labels": labels}, ALONE)
    total = parts["ohem(logits)"] + 0.4 * parts["cross_entropy(aux)"]
    torch.testing.assert_close(objective.task(parts), total)
    costs = {key: torch.tensor(1e6) for key in objective.measured}
    torch.testing.assert_close(objective.value(parts, costs), total.double() - 1)


def test_a_search_trains_the_outputs_that_its_objective_names(capsys: pytest.CaptureFixture[str]):
    goal = "minimize ohem(logits) + 0.4 * ohem(aux) + 1e-9 * macs"
    strategy = "strategy = differentiable(epochs = 1, refine = 1, refine_epochs = 1)"
    assert search(f"  {strategy}\n  batch = 2\n  {goal}") == 0
    found = capsys.readouterr().err
    assert "not trained: edge;" in found
    newest = SearchFolder(Path("s")).checkpoints.latest()
    assert newest is not None
    assert any("aux" in name for name in newest[1]["net"])
    assert list(archdsl.load("s/best.arch").network().with_train_outputs().graph.outputs)[-1] == "aux"
    assert run(["extract", "s", "-o", "own.safetensors"]) == 0
    assert (
        "'output': 'aux'" in json.loads((Path("s") / "manifest.json").read_text())["settings"]["objectives"]
    )


@pytest.mark.parametrize("loss", ["ohem + 0.4 * ohem(auxx)", 'ohem(outputs = ["auxx"])'])
def test_an_output_that_a_space_lacks_is_found_by_check(loss: str):
    with pytest.raises(SpecError) as error:
        archdsl.load("space.arch", text=f"{SPACE}\nsearch Q for Heads {{\n  minimize {loss}\n}}\n").search()
    (found,) = error.value.diagnostics
    assert (found.code, found.help) == ("ARCH836", "did you mean `aux`? outputs: logits, edge, aux")


@pytest.mark.parametrize("evaluator", ["training(epochs = 1, loss = {})", "weights(epochs = 1, loss = {})"])
def test_evaluators_train_the_outputs_that_their_loss_names(evaluator: str):
    clauses = "  strategy = random\n  trials = 2\n  batch = 2\n  maximize miou\n  evaluate = "
    assert search(clauses + evaluator.format("ohem"), "plain") == 0
    assert search(clauses + evaluator.format("ohem(logits) + 0.4 * ohem(aux)"), "both") == 0
    plain, both = (
        [r for r in read_records(Path(f) / "journal.jsonl") if r["kind"] == "tried"]
        for f in ("plain", "both")
    )
    assert [one["scores"] for one in plain] != [one["scores"] for one in both]


TERMS = st.sampled_from(
    [
        "l1(a)",
        "mse(b)",
        "smooth_l1(a, beta = 0.5)",
        "bce(b, target = yes)",
        "l1",
        "bce(target = yes, positive = 3)",
    ]
)
NUMBERS = st.sampled_from(["0.5", "2", "1e-3", "-0.25"])


def _sums(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(NUMBERS, inner).map(lambda p: f"{p[0]} * {p[1]}"),
        st.tuples(inner, NUMBERS).map(lambda p: f"({p[0]}) / ({p[1]})"),
        inner.map(lambda p: f"-({p})"),
    )


@settings(max_examples=80, deadline=None)
@given(st.recursive(TERMS, _sums, max_leaves=6))
def test_a_sum_of_losses_is_what_it_says_and_its_terms_have_their_places(text: str):
    value = read_loss(text)
    assert read_loss(written(value)) == value
    for term in terms_in(value):
        assert term.at is not None
        assert text[term.at.start : term.at.end].startswith(term.name)
    draw = torch.Generator().manual_seed(len(text))
    found = {name: torch.randn(2, 1, 4, 5, generator=draw) for name in "ab"}
    targets = {
        "depth": torch.rand(2, 4, 5, generator=draw),
        "yes": torch.rand(2, 4, 5, generator=draw).round(),
    }
    task = Task(value, output_losses([value], ("a", "b"), ("depth",)))
    by_hand = {
        "l1": lambda of="a": losses_of_maps.l1(found[of], targets["depth"]),
        "mse": lambda of="a": losses_of_maps.mse(found[of], targets["depth"]),
        "smooth_l1": lambda of="a", beta=1.0: losses_of_maps.smooth_l1(found[of], targets["depth"], beta),
        "bce": lambda of="a", target="", positive=1.0: losses_of_maps.bce(
            found[of], targets["yes"], positive
        ),
    }
    called = re.sub(r"\b(l1|bce)\b(?!\()", r"\1()", text)
    wanted = eval(called, {**by_hand, "a": "a", "b": "b", "yes": "yes"})
    torch.testing.assert_close(task(found, targets, ALONE), wanted)


def test_the_text_of_a_loss_is_read_back():
    text = 'ohem(logits, threshold = 0.6) + 0.4 * cross_entropy(aux, class_weights = "median")'
    assert written(read_loss(written(read_loss(text)))) == written(read_loss(text))
