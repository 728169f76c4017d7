"""Several architectures searched together over the weights of one supernet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import archdsl
from archdsl.cli import run
from archdsl.diagnostics import SpecError
from archdsl.runs.checkpoints import load_state
from archdsl.runs.interrupted import Interrupted

SPEC = """arch 1

space Pair(; stem_width: int = 8) {
  input image: [3, 32, 64]
  stem = image -> conv(c = stem_width, s = 2) -> bn -> relu
  stage widths for i in 1..2 {
    w[i] = one of {4, 8}
  }
  a = stem -> conv(c = w[1]) -> bn -> relu
  kernel = one of {3, 5}
  b = a -> conv(c = w[2], k = kernel) -> bn -> relu
  output logits = b -> conv(c = 11, k = 1) -> resize(like = image)
  output small train = a -> conv(c = 11, k = 1)
}

search Co for Pair {
  strategy = differentiable(epochs = 2, order = 1, pretrain = 1)
  private = [stem]
  data = synthetic(images = 8, batch = 2, size = [32, 64])
  teacher {
    stem_width = 16
    widths = 8
    pretrain_passes = [largest, smallest, random]
    minimize cross_entropy(outputs = ["logits", "small"], compare_at = logits)
  }
  student {
    widths = hard(tau = 1.0)
    passes = [sampled, largest, smallest]
    pretrain_passes = []
    minimize cross_entropy(outputs = ["logits", "small"], compare_at = logits) + 0.01 * log(macs)
  }
}
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    path = tmp_path / "pair.arch"
    path.write_text(SPEC, "utf-8")
    return path


def journal(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text("utf-8").splitlines()]


def test_each_architecture_has_a_network_weights_and_a_report_of_its_own(spec: Path, capsys):
    assert run(["search", str(spec), "--out", "run"]) == 0
    said = capsys.readouterr().out
    for name in ("teacher", "student"):
        assert f"{name}: found" in said
        assert {"best.arch", "best.safetensors", "report.html"} <= {
            f.name for f in Path("run", name).iterdir()
        }
        assert run(["check", f"run/{name}/best.arch"]) == 0
        words = ["--data", "synthetic:images=8,size=32x64", "--weights", f"run/{name}/best.safetensors"]
        assert run(["eval", f"run/{name}/best.arch", *words]) == 0
    ends = {one["member"]: one for one in journal(Path("run")) if one["kind"] == "end"}
    assert list(ends) == ["teacher", "student"]
    assert {ends["teacher"]["chosen"][f"widths[{i}].w"] for i in (1, 2)} == {"8"}
    assert "stem_width = 16" in Path("run/teacher/best.arch").read_text("utf-8")


def test_private_parts_are_stored_for_each_and_all_else_once(spec: Path):
    archdsl.search(spec, folder="run")
    state = load_state(max(Path("run/checkpoints").iterdir()))["net"]
    stems = {key: value.shape[0] for key, value in state.items() if "stem_conv.weight" in key}
    assert stems == {"teacher_stem_conv.weight": 16, "student_stem_conv.weight": 8}
    assert [key for key in state if key.endswith("b_conv.weight")] == ["b_conv.weight"]


def test_pretraining_trains_weights_and_no_decision(spec: Path):
    archdsl.search(spec, folder="run")
    first, *_, last = [
        one["probabilities"]["kernel"]
        for one in journal(Path("run"))
        if one["kind"] == "epoch" and one["member"] == "student"
    ]
    assert first == pytest.approx([0.5, 0.5], abs=2e-3)  # the logits it began with
    assert last != first


def test_a_stopped_cosearch_goes_on_to_the_same_result(spec: Path):
    whole = archdsl.search(spec, folder="whole")
    steps = iter([False] * 3 + [True] * 99)
    with pytest.raises(Interrupted):
        archdsl.search(spec, folder="parts", stop=lambda: next(steps))
    resumed = archdsl.search(spec, folder="parts", resume=True)
    assert resumed.members.keys() == whole.members.keys() == {"teacher", "student"}
    for name, result in whole.members.items():
        assert resumed.members[name].network.chosen == result.network.chosen
    kept = [[one for one in journal(Path(f)) if one["kind"] == "end"] for f in ("whole", "parts")]
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("old", "new", "headline"),
    [
        ("widths = hard(tau = 1.0)", "widths = softmax", "must be sampled, but"),
        ("widths = hard(tau = 1.0)", "widths = 5", "`widths[1].w` has no outcome `5`"),
        ("private = [stem]", "private = [widths]", "no layer of Pair is in the private part `widths`"),
        ('["logits", "small"], compare_at = logits) +', '["other"]) +', "unknown output `other`"),
        ("epochs = 2,", "epochs = 2, refine = 2,", "`refine` is not supported for several architectures"),
        (
            "epochs = 2,",
            "epochs = 2, share = candidates,",
            "searches of several architectures support elastic weights only",
        ),
        (
            "pretrain_passes = [largest, smallest, random]",
            "pretrain_passes = []",
            "no architecture has a forward",
        ),
    ],
)
def test_what_several_architectures_cannot_do_is_said_before_a_folder_is_made(
    spec: Path, old: str, new: str, headline: str
):
    spec.write_text(SPEC.replace(old, new), "utf-8")
    with pytest.raises(SpecError) as caught:
        archdsl.search(spec, folder="run")
    assert headline in caught.value.diagnostics[0].headline
    assert not Path("run").exists()


def test_extract_takes_any_network_out_of_the_supernet_of_a_cosearch(spec: Path, capsys):
    archdsl.search(spec, folder="run")
    assert run(["extract", "run", "-o", "out.safetensors"]) == 1
    assert "--network: run/student/best.arch, run/teacher/best.arch" in capsys.readouterr().err
    other = Path("run/student/other.arch")
    best = Path("run/student/best.arch").read_text("utf-8")
    other.write_text(best.replace("(w = 4)", "(w = 8)").replace("kernel = 3", "kernel = 5"), "utf-8")
    state = load_state(max(Path("run/checkpoints").iterdir()))["net"]
    for words, stem in (
        (["run/teacher"], "teacher"),
        (["run/student"], "student"),
        (["run", "--network", str(other)], "student"),
    ):
        assert run(["extract", *words, "-o", "out.safetensors", "--overwrite"]) == 0, capsys.readouterr().err
        taken = load_file("out.safetensors")
        assert torch.equal(taken["stem_conv.weight"], state[f"{stem}_stem_conv.weight"])
        whole, kept = state["b_conv.weight"], taken["b_conv.weight"]
        out, into, *kernel = kept.shape
        edge = (5 - kernel[0]) // 2
        assert torch.equal(kept, whole[:out, :into, edge : 5 - edge, edge : 5 - edge])
    data = ["--data", "synthetic:images=8,size=32x64", "--weights", "out.safetensors"]
    assert run(["eval", str(other), *data]) == 0
    Path("other.arch").write_text(best.replace("./pair.arch", "./run/pair.arch"), "utf-8")
    assert run(["extract", "run", "--network", "other.arch", "-o", "x.safetensors"]) == 1
    assert "is not in the folder of an architecture" in capsys.readouterr().err


def test_transformed_kernels_of_a_cosearch_are_extracted_as_its_paths_compute_them(spec: Path, capsys):
    spec.write_text(SPEC.replace("epochs = 2,", "epochs = 2, kernels = transformed,"), "utf-8")
    archdsl.search(spec, folder="run")
    best = Path("run/student/best.arch")
    best.write_text(best.read_text("utf-8").replace("kernel = 5", "kernel = 3"), "utf-8")
    assert run(["extract", "run", "--network", str(best), "-o", "out.safetensors"]) == 0, (
        capsys.readouterr().err
    )
    state = load_state(max(Path("run/checkpoints").iterdir()))["net"]
    kept, whole, matrix = (
        load_file("out.safetensors")["b_conv.weight"],
        *(state[f"b_conv.{name}"] for name in ("weight", "weight_5x5_to_3x3")),
    )
    out, into, *_ = kept.shape
    centre = whole[:out, :into, 1:4, 1:4].reshape(-1, 9)
    assert not torch.equal(matrix, torch.eye(9))
    torch.testing.assert_close(kept.reshape(-1, 9), centre @ matrix.T)


def test_a_cosearch_is_listed_with_all_its_epochs_and_the_last_architecture(spec: Path, capsys):
    found = archdsl.search(spec, folder="runs/co")
    assert run(["runs", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["runs"]
    assert (listed["state"], listed["done"], listed["planned"]) == ("finished", 3, 3)
    assert listed["best"]["params"] == found.members["student"].network.params
