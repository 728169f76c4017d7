"""Searches by trials that train several outputs: in-place distillation, and training in two stages."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from archdsl.cli import run
from archdsl.runs.lines import read_records
from archdsl.runs.processes import Processes
from archdsl.spec.loss_text import read_loss
from archdsl.train.divergences import divergence
from archdsl.train.output_losses import output_losses
from archdsl.train.task import Task

SPACE = """arch 1

space Three(; classes = 11) {
  input image: [3, 32, 64]
  a = image -> conv(c = 4, s = 2) -> bn -> relu
  b = a -> conv(c = one of {2, 4}, k = one of {1, 3}) -> relu
  output logits = b -> conv(c = classes, k = 1)
  output edge = a -> conv(c = 1, k = 1, bias = true)
  output depth = b -> conv(c = 1, k = 1, bias = true) -> upsample(like = image)
  output aux train = a -> conv(c = classes, k = 1)
  output unread train = image -> conv(c = classes, k = 1)
}
"""
LOSS = "ohem(logits) + 0.4 * bce(edge) + 0.01 * l1(depth) + 0.2 * cross_entropy(aux)"
STAGES = (
    "two_stage(first = decoder_only(epochs = 1, crops = 4), second = end_to_end(epochs = 1), loss = LOSS{})"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trials(out: str, evaluate: str, *clauses: str, loss: str = LOSS) -> list[dict]:
    lines = ["strategy = random", "trials = 1", f"evaluate = {evaluate}".replace("LOSS", loss), *clauses]
    body = "\n".join(f"  {line}" for line in (*lines, "batch = 2"))
    Path("space.arch").write_text(f"{SPACE}\nsearch Q for Three {{\n{body}\n}}\n")
    data = ["--data", "synthetic:images=4,size=32x64", "--device", "cpu", "--out", out]
    if run(["search", "space.arch", *data]) != 0:
        return []
    return [r for r in read_records(Path(out) / "journal.jsonl") if r["kind"] == "tried"]


def test_outputs_learn_from_a_network_with_the_weights_of_their_losses():
    formula = read_loss(LOSS, "--loss")
    task = Task(formula, output_losses([formula], ["logits", "edge", "depth", "aux"], ["depth"]))
    channels = {"logits": 5, "edge": 1, "depth": 1, "aux": 5}
    student, teacher = ({name: torch.randn(2, c, 4, 6) for name, c in channels.items()} for _ in range(2))
    parts = {
        name: divergence(kind, student[name], teacher[name])
        for name, kind in {
            "logits": "classes",
            "edge": "binary",
            "depth": "regression",
            "aux": "classes",
        }.items()
    }
    wanted = parts["logits"] + 0.4 * parts["edge"] + 0.01 * parts["depth"] + 0.2 * parts["aux"]
    torch.testing.assert_close(task.by_teacher(student, teacher), wanted)
    targets = {
        "labels": torch.ones(2, 4, 6).long(),
        "edges": torch.ones(2, 4, 6),
        "depth": torch.ones(2, 4, 6),
    }
    weights = task.weights(task.values(student, targets, Processes(0, 1, torch.device("cpu"))))
    found = [round(float(weight), 6) for weight in weights.values()]
    assert found == [1.0, 0.4, 0.01, 0.2]


def test_in_place_distillation_teaches_every_output():
    """It was off, without a word, for losses of several outputs and of maps."""
    evaluate = "weights(epochs = 1, calibrate = 1, train = sandwich(random = 1), distill = {}, loss = LOSS)"
    for loss in (LOSS, "0.01 * l1(depth)", "bce(edge) + l1(depth)"):
        goal = "minimize mae(depth)"
        (on,), (off,) = (
            trials(f"{value}{len(loss)}", evaluate.format(value), goal, loss=loss)
            for value in ("in_place", "none")
        )
        assert set(on["scores"]) == set(off["scores"])
        assert on["scores"]["mae(depth)"] != off["scores"]["mae(depth)"]


def test_two_stages_train_every_output():
    (trial,) = trials("all", STAGES.format(""), "maximize miou", "minimize mae(depth)")
    assert {"f1(edge)", "rmse(depth)", "cross_entropy"} < set(trial["scores"])
    assert trial["scores"]["validation network 1"] == trial["scores"]["miou"]
    (alone,) = trials("alone", STAGES.format(""), "maximize miou", loss="ohem(logits)")
    assert "f1(edge)" not in alone["scores"]
    assert alone["scores"]["miou"] != trial["scores"]["miou"]
    (maps,) = trials("maps", STAGES.format(""), "minimize mae(depth)", loss="l1(depth)")
    assert maps["scores"]["validation decoder 1"] > 0


def test_stopping_early_needs_a_score_of_which_more_is_better(capsys: pytest.CaptureFixture[str]):
    stopped = STAGES.format(", early_stop = moving_level()")
    assert trials("a", stopped, "minimize mae(depth)", loss="l1(depth)") == []
    found = capsys.readouterr().err
    assert "`early_stop` needs a score where higher is better, but `mae(depth)` is an error" in found
    assert "space.arch:" in found
    assert trials("b", stopped, "maximize f1(edge)", loss="bce(edge) + l1(depth)") != []
