"""Differentiable searches over elastic weights: networks that differ in sizes, sampled and mixed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import archdsl
from archdsl.backends.elastic.network import ElasticNetwork
from archdsl.cli import run
from archdsl.program import Program
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.reporter import Reporter
from archdsl.search.extract import extract
from archdsl.search.options import SearchOptions
from archdsl.search.run import finish, prepared
from small_search import quiet

SPECS = Path(__file__).parents[2] / "specs"

UNET = """arch 1

space UNet(; classes = 4) {
  input image: [3, 32, 64]
  depth = one of {1..3}
  w = one of {4, 8}
  x[0] = image -> conv(c = w, s = 2) -> bn -> relu
  stage down for i in 1..3 {
    c = one of {4, 8}
    k = one of {1, 3}
    x[i] = x[i - 1] -> conv(c = c, k = k) -> bn -> relu
  }
  read = one of {last: x[depth], pooled: x[depth] -> avg_pool(k = 3)}
  y = concat(x[0], read) -> conv(c = classes, k = 1, bias = true)
  output logits = y -> upsample(like = image)
}
"""


def program(sampler: str = "one_path", space: str = UNET, extra: str = "") -> Program:
    search = f"""
search Q for UNet {{
  strategy = differentiable(sampler = {sampler}, epochs = 2)
  architecture {{
    optimizer = adam(lr = 0.05)
    {extra}
  }}
  data = synthetic(images = 6, batch = 2, size = [32, 64])
  minimize cross_entropy + 0.01 * log(macs)
}}
"""
    return archdsl.load("unet.arch", text=space.replace("classes = 4", "classes = 11") + search)


def searched(folder: Path, given: Program, **options: Any) -> Any:
    torch.set_num_threads(1)
    with prepared(given, SearchOptions(folder=folder, device="cpu", **options), Reporter()) as search:
        return search, finish(search, quiet, lambda: False)


@pytest.mark.parametrize("sampler", ["one_path", "uniform", "fixed", "hard(tau = 1.0)"])
def test_a_unet_of_searched_widths_and_depth_is_searched(tmp_path: Path, sampler: str):
    search, found = searched(tmp_path / "run", program(sampler))
    assert isinstance(search.net, ElasticNetwork)
    assert set(search.net.sampled) > {"depth", "down[1].c"}
    assert (tmp_path / "run" / "best.arch").exists()
    assert found.network.layers


def test_decisions_that_change_no_size_are_mixed_while_others_are_drawn(tmp_path: Path):
    given = program("softmax", extra="\n    ".join(["depth = hard", "down.c = one_path", "w = hard"]))
    search, _ = searched(tmp_path / "run", given)
    (draws,) = search.trainer.samples(0, 0)
    mixed = {path for path, weight in draws[0].weights.items() if int((weight > 0).sum()) > 1}
    assert mixed == {"read", "down[1].k", "down[2].k", "down[3].k"}
    logits = list(search.members[0].learner.architecture.logits.values())
    gradients = torch.autograd.grad(search.trainer.losses(search.batches.batch(0), [draws])[0], logits)
    assert all(float(g.abs().sum()) > 0 for g in gradients)


def test_a_soft_sampler_of_a_decision_that_changes_a_size_is_an_error_at_its_place(tmp_path: Path, capsys):
    Path(tmp_path / "s.arch").write_text(program("softmax", extra="depth = hard").unit.source.text)
    assert run(["search", str(tmp_path / "s.arch"), "--out", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().err
    assert "ARCH812" in said
    assert "its sampler `softmax` mixes outcomes" in said.replace("their", "its")
    assert not (tmp_path / "run").exists()


def test_an_interrupted_search_ends_as_one_that_was_not(tmp_path: Path):
    given = program("softmax", extra="\n    ".join(["depth = hard", "down.c = one_path", "w = hard"]))
    whole, _ = searched(tmp_path / "whole", given)
    options = SearchOptions(folder=tmp_path / "parts", device="cpu")
    steps = iter([False, False, True])
    with prepared(given, options, Reporter()) as search, pytest.raises(Interrupted):
        search.run(quiet, lambda: next(steps))
    resumed, _ = searched(tmp_path / "parts", given, resume=True)
    for name, value in whole.net.state_dict().items():
        assert torch.equal(value, resumed.net.state_dict()[name]), name
    for name, value in whole.members[0].learner.architecture.state_dict().items():
        assert torch.equal(value, resumed.members[0].learner.architecture.state_dict()[name]), name


def test_the_network_that_is_taken_out_is_the_path(tmp_path: Path):
    search, found = searched(tmp_path / "run", program("one_path"))
    net = search.net.eval()
    module = extract(net, found.network)
    image = torch.randn(1, 3, 32, 64)
    assert torch.equal(module(image), net.path(image, outcomes=found.outcomes))
    assert (
        run(["extract", str(tmp_path / "run"), "-o", str(tmp_path / "w.safetensors"), "--calibrate", "0"])
        == 0
    )
    weights = tmp_path / "w.safetensors"
    assert weights.exists()


def test_elastic_weights_search_a_space_of_equal_sizes(tmp_path: Path):
    text = UNET.replace("one of {4, 8}", "8").replace("x[depth]", "x[3]").replace("depth = one of {1..3}", "")
    plain, _ = searched(tmp_path / "plain", program("gumbel", text))
    elastic, _ = searched(tmp_path / "elastic", program("gumbel(tau = 2.0), share = elastic", text))
    assert not isinstance(plain.net, ElasticNetwork)
    assert isinstance(elastic.net, ElasticNetwork)
    assert elastic.net.sampled == ()


SHIPPED = {"template_small": "TemplateSmall", "elastic": "Elastic", "fasterseg": "FasterSeg"}


SMALLER = {
    "layers = 16": "layers = 3",
    "units = {4, 6, 8, 10, 12}": "units = {1, 2}", "last: int = 8": "last: int = 2",
    "[3, 1024, 2048]": "[3, 64, 128]",
}  # fmt: skip


@pytest.mark.parametrize("spec", SHIPPED)
@pytest.mark.parametrize("sampler", ["one_path", "uniform", "hard(tau = 1.0)"])
def test_shipped_spaces_that_differ_in_sizes_are_searched(tmp_path: Path, spec: str, sampler: str):
    text = (SPECS / f"{spec}.arch").read_text("utf-8")
    space = text[: text.index("\nsearch ")]
    for whole, small in SMALLER.items():
        space = space.replace(whole, small)
    search = f"""
search Q for {SHIPPED[spec]} {{
  strategy = differentiable(sampler = {sampler}, epochs = 1)
  data = synthetic(images = 4, batch = 2, size = [64, 128], crop = [64, 128])
  minimize cross_entropy
}}
"""
    given = archdsl.load(SPECS / "own.arch", text=space + search)
    found, result = searched(tmp_path / "run", given)
    assert isinstance(found.net, ElasticNetwork)
    assert found.step == found.steps > 0
    assert (tmp_path / "run" / "best.safetensors").exists()
    assert result.network.layers
