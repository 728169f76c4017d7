"""A search from its start to the network it found, also when it was stopped on the way."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
import torch

import archdsl
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.manifest import manifest
from archdsl.search.extract import extract, outcomes_of
from archdsl.search.folder import SearchFolder
from archdsl.search.inherited import supernet_of
from archdsl.train.weights import load_weights, network_hash
from small_search import SPEC, quiet, search


def records(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text("utf-8").splitlines()]


def run_in_pieces(folder, steps: int, text: str = SPEC, **overrides) -> None:
    """Stops after every few steps, and goes on with everything read anew."""
    while True:
        one = search(folder, text, **overrides)
        one.restore()
        count = itertools.count(1)
        try:
            one.run(quiet, lambda count=count: next(count) >= steps)
        except Interrupted:
            continue
        return


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a search that was neither stopped nor changed."""
    folder = tmp_path_factory.mktemp("whole")
    search(folder).run(quiet)
    return folder


def test_what_is_found_is_a_spec_that_compiles_with_its_weights(tmp_path):
    (tmp_path / "tiny.arch").write_text(SPEC)
    one = search(tmp_path)
    found = one.run(quiet)
    network = archdsl.load(tmp_path / "best.arch").network()
    assert dict(network.chosen) == dict(found.network.chosen)
    module = network.module()
    told = load_weights(tmp_path / "best.safetensors", module, network_hash(network))
    assert told["data"] == "synthetic"
    x = torch.randn(2, 3, 32, 64)
    assert torch.equal(module(x), one.recalibrated(found)(x))


def test_what_is_found_is_in_canonical_format(tmp_path):
    from archdsl.diagnostics import Source
    from archdsl.lang import format_source

    search(tmp_path, epochs=1).run(quiet)
    text = (tmp_path / "best.arch").read_text("utf-8")
    assert format_source(Source("best.arch", text)) == text


def test_the_journal_tells_steps_epochs_and_the_end(whole):
    kinds = [record["kind"] for record in records(whole)]
    assert kinds == ["start", *(["step"] * 2 + ["epoch"]) * 3, "recalibrated", "end"]
    last = records(whole)[-1]
    assert last["unmet"] == []
    assert 0 <= last["miou"] <= 1
    for record in records(whole):
        if record["kind"] == "epoch":
            assert all(sum(p) == pytest.approx(1) for p in record["probabilities"].values())


MIXED = SPEC.replace(
    "  architecture {\n",
    "  architecture {\n    hyper.gate = one_path(tau = 2.0, start = 1)\n    hyper[1].Reduce = fixed\n",
)


@pytest.mark.parametrize(
    ("text", "overrides"),
    [
        (SPEC, {}), (SPEC, {"epochs": 2, "sampler": "one_path"}), (SPEC, {"epochs": 2, "order": 1}),
        (MIXED, {"epochs": 2}), (SPEC, {"epochs": 2, "refine": 2, "refine_epochs": 1}),
    ],
)  # fmt: skip
def test_a_search_in_pieces_is_the_search_in_one(tmp_path, whole, text, overrides):
    if text != SPEC or overrides:
        whole = tmp_path / "whole"
        search(whole, text, **overrides).run(quiet)
    run_in_pieces(tmp_path / "pieces", 3, text, **overrides)
    assert records(whole) == records(tmp_path / "pieces")
    one, other = (SearchFolder(folder).checkpoints.latest() for folder in (whole, tmp_path / "pieces"))
    for part in ("net", "architecture"):
        for name, tensor in one[1][part].items():
            assert torch.equal(tensor, other[1][part][name])


def test_a_torn_checkpoint_is_passed_over_for_the_one_before(tmp_path, whole):
    one = search(tmp_path / "torn", epochs=3)
    count = itertools.count(1)
    with pytest.raises(Interrupted):
        one.run(quiet, lambda: next(count) >= 5)
    newest, _ = one.keeper.steps()
    path = one.keeper.path(newest)
    path.write_bytes(path.read_bytes()[:1000])
    again = search(tmp_path / "torn")
    assert again.restore() < newest
    again.run(quiet)
    assert records(whole) == records(tmp_path / "torn")


def test_an_image_that_breaks_during_a_search_costs_no_epoch(tmp_path, whole):
    class Breaking:
        def __init__(self, of):
            self.of = of

        def __getattr__(self, name):
            return getattr(self.of, name)

        def __len__(self):
            return len(self.of)

        def __getitem__(self, i):
            raise SpecError([Diagnostic("ARCH902", "an image that cannot be read")])

    one = search(tmp_path / "broken")
    one.splits = replace(one.splits, val=Breaking(one.splits.val))
    with pytest.raises(SpecError, match="ARCH902"):
        one.run(quiet)
    again = search(tmp_path / "broken")
    assert again.restore() == again.batches.steps_per_epoch
    again.run(quiet)
    assert records(whole) == records(tmp_path / "broken")


def test_gates_stay_as_they_are_until_their_epoch(tmp_path):
    search(tmp_path, gates_from=2).run(quiet)
    epochs = [r["probabilities"]["hyper[1].gate"] for r in records(tmp_path) if r["kind"] == "epoch"]
    spread = [max(p) - min(p) for p in epochs]
    assert spread[0] < 0.01
    assert spread[2] > spread[1]


def test_decisions_are_trained_from_the_epoch_that_their_sampler_starts_at(tmp_path):
    search(tmp_path, MIXED).run(quiet)
    epochs = [r["probabilities"] for r in records(tmp_path) if r["kind"] == "epoch"]
    assert epochs[0]["hyper[1].gate"] != epochs[2]["hyper[1].gate"]
    assert max(epochs[0]["hyper[1].gate"]) - min(epochs[0]["hyper[1].gate"]) < 0.01
    assert epochs[0]["hyper[1].Reduce.pm"] == epochs[2]["hyper[1].Reduce.pm"]
    assert epochs[0]["hyper[1].Normal.pm"] != epochs[2]["hyper[1].Normal.pm"]


@pytest.mark.parametrize("sampler", ["softmax", "gumbel", "hard", "one_path", "uniform", "fixed"])
def test_every_sampler_runs_and_only_some_train_the_architecture(tmp_path, sampler):
    one = search(tmp_path, sampler=sampler, epochs=1, gates_from=0)
    before = {name: p.detach().clone() for name, p in one.architecture.named_parameters()}
    one.run(quiet)
    still = all(torch.equal(p, before[name]) for name, p in one.architecture.named_parameters())
    assert still == (sampler in ("uniform", "fixed"))


def test_a_loss_that_is_no_number_stops_the_search_and_names_the_place(tmp_path):
    one = search(tmp_path)
    with torch.no_grad():
        next(one.net.parameters()).fill_(float("nan"))
    with pytest.raises(SpecError) as error:
        one.run(quiet)
    (diagnostic,) = error.value.diagnostics
    assert diagnostic.code == "ARCH915"
    assert "conv" in diagnostic.headline


def test_an_objective_that_is_undefined_is_named_instead_of_the_training(tmp_path):
    text = SPEC.replace("0.05 * log(macs)", "log(macs - 1G)")
    with pytest.raises(SpecError, match=r"non-finite values at step 1, first in the objective") as error:
        search(tmp_path, text).run(quiet)
    assert "change the objective: the task loss is" in (error.value.diagnostics[0].help or "")


def test_an_extracted_network_equals_the_supernets_path_bit_for_bit(tmp_path):
    (tmp_path / "tiny.arch").write_text(SPEC)
    told = {"name": "Quick", "spec": SPEC, "spec_sha256": "0" * 64, "seed": 0, "device": "cpu"}
    SearchFolder(tmp_path).start(manifest("search", data={}, settings={}, command=("archdsl",), **told))
    search(tmp_path).run(quiet)
    path = tmp_path / "best.arch"
    network = archdsl.load(path).network()
    net, step = supernet_of(tmp_path, path, network)
    assert step == 6
    x = torch.randn(2, 3, 32, 64)
    assert torch.equal(extract(net, network)(x), net.path(x, outcomes=outcomes_of(net, network)))


def test_what_is_found_meets_the_requirements_where_a_likely_network_does(tmp_path):
    text = SPEC.replace(
        "  output logits = y -> upsample(like = image)\n",
        "  output logits = y -> upsample(like = image)\n  require params <= 1200\n",
    )
    found = search(tmp_path, text, epochs=1).run(quiet)
    assert found.unmet == ()
    assert found.costs["params"] <= 1200


def test_what_is_found_is_the_best_of_the_networks_that_were_trained_at_the_end(tmp_path):
    (tmp_path / "tiny.arch").write_text(SPEC)
    found = search(tmp_path, refine=4, refine_epochs=1).run(quiet)
    tried = [record for record in records(tmp_path) if record["kind"] == "tried"]
    assert [one["number"] for one in tried] == [1, 2, 3, 4]
    assert tried[0]["chosen"] == [r for r in records(tmp_path) if r["kind"] == "epoch"][-1]["chosen"]
    assert len({tuple(one["chosen"].items()) for one in tried}) == 4
    assert dict(found.network.chosen) == min(tried, key=lambda one: one["objective"])["chosen"]
    assert found.how.startswith("the best of 4 networks")
    module = archdsl.load(tmp_path / "best.arch").network().module()
    load_weights(tmp_path / "best.safetensors", module, network_hash(found.network))


def test_a_search_stopped_while_networks_are_compared_does_not_try_them_again(tmp_path):
    text = SPEC.replace("epochs = 3", "epochs = 1, refine = 3, refine_epochs = 1")
    one = search(tmp_path, text)
    with pytest.raises(Interrupted):
        one.run(quiet, lambda: bool(one.tried))
    again = search(tmp_path, text)
    again.restore()
    assert len(again.tried) == 1
    again.run(quiet)
    assert [r["number"] for r in records(tmp_path) if r["kind"] == "tried"] == [1, 2, 3]


def test_a_search_whose_time_is_used_up_trains_no_more_when_it_is_resumed(tmp_path, monkeypatch):
    first = search(tmp_path, budget="0.001s")
    monkeypatch.setattr(first, "finish", no_power)
    with pytest.raises(KeyboardInterrupt):
        first.run(quiet)
    epoch = first.batches.steps_per_epoch
    again = search(tmp_path, budget="0.001s")
    assert (again.restore(), again.run(quiet).unmet, again.step) == (epoch, (), epoch)


def test_a_search_that_is_resumed_with_more_time_goes_on(tmp_path, monkeypatch):
    first = search(tmp_path, budget="0.001s")
    monkeypatch.setattr(first, "finish", no_power)
    with pytest.raises(KeyboardInterrupt):
        first.run(quiet)
    again = search(tmp_path, budget="1h")
    again.restore()
    again.run(quiet)
    assert again.step == again.steps


def no_power(*_: object) -> None:
    raise KeyboardInterrupt
