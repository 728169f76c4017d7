"""Auxiliary outputs: `output NAME train`, `archdsl train --aux`, and what is deployed of such a network."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

import archdsl
from archdsl.cli import run
from archdsl.diagnostics import Source, SpecError
from archdsl.ir.text import dump, parse
from archdsl.lang import format_source
from archdsl.passes.costs.space_cost import SpaceCost

PLAIN = """arch 1

import conv_bn_relu from "std/ops.arch"

network Small(; classes = 19) {
  input image: [3, 32, 64]
  a = image -> conv_bn_relu(c = 8, s = 2)
  output logits = a -> conv_bn_relu(s = 2) -> conv(c = classes, k = 1) -> upsample(like = image)
}
"""
HEADS = PLAIN.replace(
    "  output logits",
    "  output aux train = a -> conv_bn_relu(c = 4) -> conv(c = classes, k = 1)\n  output logits",
).replace("image)\n}", "image)\n  output edges = a -> conv(c = 1)\n}")
DATA = ["--data", "synthetic:images=4,size=32x64", "--device", "cpu"]
TRAIN = ["train", "small.arch", *DATA, "--batch", "4", "--epochs", "2"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.arch").write_text(HEADS)
    return tmp_path


def network(text: str = HEADS) -> archdsl.Network:
    return archdsl.load("small.arch", text=text).network()


def test_train_only_outputs_are_in_every_text_of_the_network_and_read_back():
    whole = network().with_train_outputs()
    assert list(whole.graph.outputs) == ["logits", "edges", "aux"]
    assert whole.graph.train_only == {"aux"}
    assert parse(dump(whole.graph)) == whole.graph
    assert "output aux train = " in whole.to_arch()
    again = network(whole.to_arch()).with_train_outputs()
    assert list(again.graph.outputs) == list(whole.graph.outputs)
    assert again.graph.train_only == {"aux"}


def test_what_is_deployed_is_what_the_network_without_them_is():
    without = HEADS.replace("  output aux train = a -> conv_bn_relu(c = 4) -> conv(c = classes, k = 1)\n", "")
    assert dump(network().graph) == dump(network(without).graph)


def test_train_is_a_word_of_its_place_and_a_name_elsewhere():
    text = "arch 1\n\nnetwork N {\n  input x: [3, 8, 8]\n  train = x -> relu\n"
    text += "  output y train = train -> conv\n  output train = y -> relu\n}\n"
    found = archdsl.load("n.arch", text=text).network().with_train_outputs().graph
    assert list(found.outputs) == ["train", "y"]
    for wrong in ("output y trained = train", "output y train train = train"):
        with pytest.raises(SpecError) as error:
            archdsl.load("n.arch", text=text.replace("output y train = train", wrong)).network()
        assert error.value.diagnostics[0].code == "ARCH100"


def test_a_network_has_to_have_an_output_to_deploy():
    text = "arch 1\n\nnetwork N {\n  input x: [3, 8, 8]\n  output y train = x -> conv\n}\n"
    with pytest.raises(SpecError) as error:
        archdsl.load("n.arch", text=text).network()
    assert error.value.diagnostics[0].code == "ARCH218"


def test_costs_requirements_and_layers_leave_them_out_unless_asked(capsys):
    lean, whole = network(), network().with_train_outputs()
    counts = []
    for words in ([], ["--train-outputs"]):
        assert run(["cost", "small.arch", "--json", *words]) == 0
        counts.append(json.loads(capsys.readouterr().out)["params"])
    for count, one in zip(counts, (lean, whole), strict=True):
        assert count == sum(p.numel() for p in one.module().parameters())
    assert counts[0] < counts[1]
    assert run(["explain", "small.arch"]) == 0
    assert "removed train-only outputs: aux" in capsys.readouterr().out
    limited = HEADS.replace("\n}\n", f"\n  require params <= {counts[0]}\n}}\n")
    assert not archdsl.load("small.arch", text=limited).check().diagnostics
    tight = limited.replace(f"<= {counts[0]}", f"< {counts[0]}")
    assert [d.code for d in archdsl.load("small.arch", text=tight).check().diagnostics] == ["ARCH404"]


def test_a_space_is_priced_as_its_networks_are_deployed():
    text = """arch 1

space S {
  input image: [3, 8, 8]
  k = one of {1, 3}
  x = image -> conv(c = 4, k = k)
  output aux train = x -> one of {conv, conv(k = 5)}
  output y = x -> conv(c = 2)
}
"""
    space = archdsl.load("s.arch", text=text).space()
    cost = SpaceCost(space.deployed)
    from archdsl.passes.costs.pricing import PARAMS

    found = {
        sum(p.numel() for p in space.bind({"k": k, "aux.1": a}).module().parameters())
        for k in ("1", "3")
        for a in ("conv", "conv_k5")
    }
    assert found == {3 * 4 + 72, 27 * 4 + 72}
    assert {int(cost.extreme(PARAMS, end).price) for end in ("least", "most")} == found


def test_aux_trains_the_outputs_it_names_and_the_others_are_named(capsys):
    assert run([*TRAIN, "--aux", "0.4", "--out", "run"]) == 0
    said = capsys.readouterr()
    assert "warning: not trained: edges\n" in said.err
    assert "auxiliary outputs: aux (weight 0.4)\n" in said.out
    settings = json.loads(Path("run/manifest.json").read_text())["settings"]
    assert settings["aux"] == {"aux": 0.4}
    assert run([*TRAIN, "--out", "plain"]) == 0
    said = capsys.readouterr()
    assert "not trained: edges, aux; train aux with --aux 0.4" in said.err
    assert "auxiliary outputs:" not in said.out
    one, other = (load_file(f"{folder}/weights_last.safetensors") for folder in ("run", "plain"))
    assert not torch.equal(one["aux_conv.weight"], other["aux_conv.weight"])
    assert run(["train", "small.arch", "--resume", "run", "--device", "cpu"]) == 0
    assert json.loads(Path("run/manifest.json").read_text())["settings"]["aux"] == {"aux": 0.4}


def test_aux_losses_are_added_with_their_weight():
    """The first step's loss, at weights that are the same, grows with the weight of the further loss."""
    losses = []
    for n, words in enumerate(([], ["--aux", "aux=0.5"], ["--aux", "aux=1"])):
        assert run([*TRAIN, "--epochs", "1", *words, "--out", f"run{n}"]) == 0
        losses.append(json.loads(Path(f"run{n}/journal.jsonl").read_text().splitlines()[0])["loss"])
    assert losses[1] - losses[0] == pytest.approx((losses[2] - losses[0]) / 2, rel=1e-4)
    assert losses[1] > losses[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--aux", "0"], "a weight > 0"), (["--aux", "nan"], "a weight > 0"),
     (["--aux", "auxx=1"], "no auxiliary output `auxx`"), (["--aux", "edges=1"], "`edges` must have"),
     (["--aux", "logits=1"], "no auxiliary output `logits`")],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused(words: list[str], said: str, capsys):
    assert run([*TRAIN, *words, "--out", "run"]) == 2
    assert said in capsys.readouterr().err
    assert not Path("run").exists()


def test_a_network_trained_with_an_auxiliary_output_is_scored_drawn_and_deployed_without_it(capsys):
    assert run([*TRAIN, "--aux", "0.4", "--out", "run"]) == 0
    weights = ["--weights", "run/weights.safetensors"]
    assert run(["eval", "small.arch", *weights, *DATA]) == 0
    assert run(["compile", "small.arch", *weights, "--emit", "onnx", "-o", "small.onnx"]) == 0
    assert "removed train-only outputs: aux" in capsys.readouterr().err
    assert [o.name for o in onnx.load("small.onnx").graph.output] == ["logits", "edges"]
    whole = archdsl.load("small.arch").network(classes=11).with_train_outputs().module()
    whole.load_state_dict(load_file("run/weights.safetensors"))
    image = torch.randn(1, 3, 48, 80)
    session = onnxruntime.InferenceSession("small.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["logits"], {"image": image.numpy()})
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(found), whole(image), atol=1e-4, rtol=0)
    words = ["--emit", "torch", "-o", "small.safetensors"]
    assert run(["compile", "small.arch", *weights, *words]) == 0
    assert run(["eval", "small.arch", "--weights", "small.safetensors", *DATA]) == 0
    assert run(["compile", "small.arch", *weights, "--train-outputs", *words]) == 0
    assert load_file("small.safetensors").keys() == load_file("run/weights.safetensors").keys()


def test_a_search_names_the_outputs_that_it_never_trains(capsys):
    space = HEADS.replace("network Small", "space Wide").replace("(s = 2)", "(s = 2) -> one of {conv, relu}")
    settings = "data = synthetic(images = 4, size = [32, 64])\nminimize cross_entropy\nepochs = 1\nbatch = 2"
    Path("wide.arch").write_text(f"{space}\nsearch Q for Wide {{\n{settings}\n}}\n")
    assert run(["search", "wide.arch", "--device", "cpu", "-o", "run"]) == 0
    assert (
        "warning: not trained: edges, aux; a search trains `logits` only; afterwards:"
        in capsys.readouterr().err
    )


def test_what_a_search_finds_is_scored_extracted_and_trained_on_where_the_space_has_train_outputs(capsys):
    space = HEADS.replace("network Small", "space Wide").replace("(s = 2)", "(s = 2) -> one of {conv, relu}")
    settings = "data = synthetic(images = 4, size = [32, 64])\nminimize cross_entropy\nepochs = 1\nbatch = 2"
    Path("wide.arch").write_text(f"{space}\nsearch Q for Wide {{\n{settings}\n}}\n")
    assert run(["search", "wide.arch", "--device", "cpu", "-o", "run"]) == 0
    assert run(["eval", "run/best.arch", "--weights", "run/best.safetensors", *DATA]) == 0
    assert run(["extract", "run", "-o", "again.safetensors"]) == 0
    assert run(["eval", "run/best.arch", "--weights", "again.safetensors", *DATA]) == 0
    words = ["--init", "run", "--aux", "aux=0.4", "--epochs", "1", "--batch", "4", "--out", "on"]
    assert run(["train", "run/best.arch", *DATA, *words]) == 0


def test_a_choice_that_only_a_train_output_reads_does_not_keep_a_space_from_being_searched():
    candidates = "one of {conv_bn_relu(c = 4), conv_bn_relu(c = 6)}"
    space = HEADS.replace("network Small", "space Wide").replace(
        "a -> conv_bn_relu(c = 4)", f"a -> {candidates}"
    )
    space = space.replace("(s = 2)", "(s = 2) -> one of {conv, relu}")
    settings = "data = synthetic(images = 4, size = [32, 64])\nminimize cross_entropy\nepochs = 1\nbatch = 2"
    Path("wide.arch").write_text(f"{space}\nsearch Q for Wide {{\n{settings}\n}}\n")
    assert run(["search", "wide.arch", "--device", "cpu", "-o", "run"]) == 0
    assert run(["eval", "run/best.arch", "--weights", "run/best.safetensors", *DATA]) == 0


def test_the_cost_of_a_space_names_the_train_outputs_that_it_leaves_out(capsys):
    space = HEADS.replace("network Small", "space Wide").replace("(s = 2)", "(s = 2) -> one of {conv, relu}")
    Path("wide.arch").write_text(space)
    said = "removed train-only outputs: aux"
    assert run(["cost", "wide.arch"]) == 0
    assert said in capsys.readouterr().out
    assert run(["cost", "wide.arch", "--train-outputs"]) == 0
    assert said not in capsys.readouterr().out


CHOICES = """arch 1

import conv_bn_relu from "std/ops.arch"

space Wide(; classes = 11) {
  input image: [3, 32, 64]
  a = image -> conv_bn_relu(c = 8, s = 2)
  output logits = a -> one of {conv_bn_relu, relu} -> conv(c = classes, k = 1) -> upsample(like = image)
  head = one of {narrow: a -> conv_bn_relu(c = 4), wide: a -> conv_bn_relu(c = one of {6, 8})}
  output aux train = head -> conv(c = classes, k = one of {1, 3})
}

search Q for Wide {
  data = synthetic(images = 4, size = [32, 64])
  minimize cross_entropy + 0.01 * log(macs)
  epochs = 1
  batch = 2
}
"""


def test_decisions_of_train_outputs_alone_are_not_searched_and_the_found_network_says_so(capsys):
    Path("wide.arch").write_text(CHOICES)
    assert run(["search", "wide.arch", "--device", "cpu", "-o", "run", "--set", "refine=2"]) == 0
    out, err = capsys.readouterr()
    assert "Q: 1 decision of Wide" in out
    assert "warning: not trained: aux; a search trains `logits` only; afterwards:" in err
    assert "not searched: aux.1, head, head.1 (" in err
    text = Path("run/best.arch").read_text()
    assert "# Not searched, as only train-only outputs read them: aux.1, head, head.1." in text
    assert text == (format_source(Source("best.arch", text)))
    records = [json.loads(line) for line in Path("run/journal.jsonl").read_text().splitlines()]
    assert list(records[0]["decisions"]) == ["logits.1"]
    verdict = records[-1]["verdict"]
    assert list(verdict["entropy"]) == ["logits.1"]
    chosen = archdsl.load("run/best.arch").network().chosen
    assert {path: chosen[path] for path in ("aux.1", "head")} == {"aux.1": "1", "head": "narrow"}
    assert run(["extract", "run", "-o", "again.safetensors"]) == 0
    assert run(["search", "wide.arch", "--resume", "run"]) == 0
    words = ["--init", "run", "--aux", "0.4", "--epochs", "1", "--batch", "4", "--out", "on"]
    assert run(["train", "run/best.arch", *DATA, *words]) == 0


def test_the_cost_of_a_space_counts_and_shows_the_decisions_of_what_is_deployed(capsys):
    Path("wide.arch").write_text(CHOICES)
    assert run(["cost", "wide.arch", "--json"]) == 0
    lean = json.loads(capsys.readouterr().out)
    assert (lean["decisions"], lean["networks"], lean["size"]) == (1, "2", "2")
    assert list(lean["params"]["least"]["decisions"]) == ["logits.1"]
    assert run(["cost", "wide.arch", "--json", "--train-outputs"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert (whole["decisions"], whole["networks"], whole["size"]) == (4, "12", "16")
    assert set(whole["params"]["least"]["decisions"]) == {"logits.1", "head", "head.1", "aux.1"}


def test_auxiliary_outputs_cannot_be_trained_by_a_search_which_says_where_they_can(capsys):
    Path("wide.arch").write_text(CHOICES)
    assert run(["search", "wide.arch", "--aux", "0.4"]) == 2
    assert "archdsl train RUN/best.arch --init RUN --aux 0.4" in capsys.readouterr().err
