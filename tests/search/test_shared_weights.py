"""Searches whose networks have weights that all share: trained once, then scored without training."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import archdsl
from archdsl import SpecError
from archdsl.backends.elastic.network import build
from archdsl.cli import run
from archdsl.configs.sharing import Fair, Progressive, Sandwich, Uniform
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.lines import read_records
from archdsl.search.evaluators.sampling import networks_by
from archdsl.search.evaluators.shrinking import shrinking_schedule
from archdsl.search.extract import outcomes_of
from archdsl.search.inherited import supernet_of
from archdsl.spec.search_values import Term

SPACE = """arch 1

space Elastic(; classes = 11) {
  input image: [3, 32, 64]
  w = one of {4, 6, 8}
  x[0] = image -> conv(c = w, s = 2) -> bn -> relu
  depth = one of {1..2}
  stage body for i in 1..2 {
    k = one of {1, 3, 5}
    x[i] = x[i - 1] -> conv(c = one of {4, 8}, k = k) -> bn -> relu
  }
  output logits = concat(x[0], x[depth]) -> conv(c = classes, k = 1, bias = true) -> upsample(like = image)
}
"""
DATA = "synthetic:images=6,size=32x64,batch=2"


PROGRESSIVE = 'progressive(opens = ["body.k", ["depth", "w"]], train = uniform)'


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def searched(folder: str, evaluate: str, text: str = SPACE, **more):
    settings = {"trials": 3, **more.pop("settings", {})}
    return archdsl.search(
        text, strategy="random", evaluate=evaluate, maximize="miou", data=DATA, folder=folder,
        settings=settings, device="cpu", **more,
    )  # fmt: skip


def trials(folder: str) -> list[dict]:
    found = [record for record in read_records(Path(folder, "journal.jsonl")) if record["kind"] == "tried"]
    return [{k: v for k, v in one.items() if k not in ("seconds", "elapsed", "worker")} for one in found]


@pytest.mark.parametrize(
    "rule", ["uniform", "fair", "sandwich(random = 1)", "sandwich, distill = none", PROGRESSIVE]
)
def test_a_space_whose_networks_differ_in_sizes_is_searched_over_shared_weights(rule):
    searched("run", f"weights(train = {rule}, epochs = 1)")
    assert len(trials("run")) == 3
    assert all(one["state"] == "scored" and 0 <= one["scores"]["miou"] <= 1 for one in trials("run"))
    assert len(list(Path("run/supernet").iterdir())) == 1


def test_a_training_that_was_stopped_is_resumed_and_makes_the_same_weights():
    searched("whole", "weights(epochs = 3)")
    steps = 0

    def stop() -> bool:
        nonlocal steps
        steps += 1
        return steps == 7  # in the third epoch of three steps each

    with pytest.raises(Interrupted):
        searched("part", "weights(epochs = 3)", stop=stop)
    assert not Path("part/best.arch").exists()
    searched("part", "weights(epochs = 3)", resume=True)
    assert trials("part") == trials("whole")


def test_another_search_takes_the_weights_of_a_run():
    searched("first", "weights(epochs = 1)")
    searched("second", 'weights(path = "first")')
    assert not Path("second/supernet").exists()
    assert [one["scores"] for one in trials("second")] == [one["scores"] for one in trials("first")]


def test_the_supernet_of_a_differentiable_search_scores_networks():
    text = (
        SPACE.replace("w = one of {4, 6, 8}", "w = 4").replace("one of {4, 8}", "4").replace("1..2}", "2..2}")
    )
    archdsl.search(
        text + "\nsearch Q for Elastic { strategy = differentiable(epochs = 1)\n minimize cross_entropy }\n",
        data=DATA, folder="first", device="cpu",
    )  # fmt: skip
    searched("second", 'weights(path = "first")', text)
    assert all(one["state"] == "scored" for one in trials("second"))


def test_statistics_are_computed_anew_for_each_network_over_as_many_batches_as_it_says():
    searched("run", "weights(epochs = 1, calibrate = 2)")
    searched("more", 'weights(path = "run", calibrate = 1)')
    assert [one["outcomes"] for one in trials("more")] == [one["outcomes"] for one in trials("run")]
    assert [one["scores"] for one in trials("more")] != [one["scores"] for one in trials("run")]


@pytest.mark.parametrize(
    ("evaluate", "code", "words"),
    [
        ('weights(path = "nowhere")', "ARCH864", "has no supernet"),
        ('weights(path = "x", train = fair)', "ARCH606", "cannot be combined"),
        ("weights(train = gumbel)", "ARCH607", "sampling rule of networks"),
        ("weights(train = sandwich(random = -1))", "ARCH208", "from 0 to 64"),
        ("weights(train = progressive)", "ARCH606", "requires `opens`"),
        ('weights(train = progressive(opens = ["bodies.k"]))', "ARCH606", "did you mean `body.k`"),
        ('weights(train = progressive(opens = ["w", "body.k"], at = [0.5]))', "ARCH606", "2 groups"),
        ('weights(train = progressive(opens = ["w", "body.k"], at = [0.5, 0]))', "ARCH606", "increase"),
        ('weights(train = progressive(opens = ["body", "body[1].k"]))', "ARCH606", "listed twice"),
        ('weights(train = progressive(opens = ["w"], train = progressive))', "ARCH607", "got `progressive`"),
        ('weights(train = progressive(opens = ["w"], at = [2]))', "ARCH607", "list of numbers"),
    ],
)
def test_what_cannot_be_is_rejected(evaluate, code, words):
    with pytest.raises(SpecError) as caught:
        searched("run", evaluate)
    found = caught.value.diagnostics[0]
    assert found.code == code
    assert words in f"{found.headline} {found.help}"


def test_rules_draw_the_networks_of_a_step():
    graph = archdsl.load(SPACE).space().searched
    (one,) = networks_by(Uniform(), graph, 0, 9)(5)
    assert networks_by(Uniform(), graph, 0, 9)(5) == [one]
    assert len({tuple(networks_by(Uniform(), graph, 0, 9)(step)) for step in range(30)}) > 10
    fair = networks_by(Fair(), graph, 0, 9)(3)
    assert len(fair) == 3
    counts = [Counter(network[n] for network in fair) for n in range(len(graph.decisions))]
    widths = counts[list(graph.decisions).index("w")]
    assert sorted(widths.values()) == [1, 1, 1]
    largest, smallest, *others = networks_by(Sandwich(2), graph, 0, 9)(0)
    assert len(others) == 2
    space = archdsl.load(SPACE).space()
    costs = []
    for network in (largest, smallest):
        named = {p: d.outcomes[o] for (p, d), o in zip(graph.decisions.items(), network, strict=True)}
        costs.append(space.bind(named).macs)
    rng = random.Random(0)
    for _ in range(20):
        assert costs[1] <= space.bind(space.sample(rng)).macs <= costs[0]


def test_distillation_teaches_the_others_what_the_largest_predicts():
    searched("labels", "weights(train = sandwich, distill = none, epochs = 1)")
    searched("taught", "weights(train = sandwich, distill = in_place, epochs = 1)")
    graph = archdsl.load(SPACE).space().searched
    nets = []
    for folder in ("labels", "taught"):
        nets.append(build(graph))
        state = torch.load(next(Path(folder, "supernet").iterdir()), weights_only=True)["state"]["net"]
        nets[-1].load_state_dict(state)
    pairs = zip(nets[0].parameters(), nets[1].parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("setting", ["bn = per_width", "kernels = transformed"])
def test_a_supernet_is_loaded_with_the_settings_that_say_what_it_stores(setting: str):
    searched("run", f"weights(epochs = 1, {setting})")
    searched("again", f'weights(path = "run", {setting})')
    assert [one["scores"] for one in trials("again")] == [one["scores"] for one in trials("run")]
    with pytest.raises(SpecError) as caught:
        searched("other", 'weights(path = "run")')
    assert caught.value.diagnostics[0].code in ("ARCH864", "ARCH913")


def test_transforms_of_kernels_are_trained():
    searched("run", "weights(epochs = 1, kernels = transformed)")
    state = torch.load(next(Path("run", "supernet").iterdir()), weights_only=True)["state"]["net"]
    learned = {name: value for name, value in state.items() if "_to_" in name}
    assert {name.rpartition(".")[2] for name in learned} == {"weight_5x5_to_3x3", "weight_3x3_to_1x1"}
    assert any(not torch.equal(value, torch.eye(len(value))) for value in learned.values())


@pytest.mark.parametrize("settings", ["epochs = 1", "epochs = 1, kernels = transformed, bn = per_width"])
def test_extract_takes_any_network_out_of_the_supernet_of_a_run(settings: str, capsys):
    searched("run", f"weights({settings})")
    other, best = Path("run/other.arch"), Path("run/best.arch").read_text("utf-8")
    other.write_text(re.sub(r"k = \d", "k = 1", best), "utf-8")
    for spec in ("run/best.arch", "run/other.arch"):
        words = ["extract", "run", "--network", spec, "-o", "taken.safetensors", "--overwrite"]
        assert run(words) == 0, capsys.readouterr().err
        network = archdsl.load(spec).network()
        module = network.module().eval()
        module.load_state_dict(load_file("taken.safetensors"))
        net, _ = supernet_of(Path("run"), Path(spec), network)
        image = torch.randn(2, 3, 32, 64)
        assert torch.equal(module(image), net.path(image, outcomes=outcomes_of(net, network)))


def test_a_run_whose_networks_have_no_shared_weights_of_its_own_says_where_they_are(capsys):
    searched("run", "weights(epochs = 1)")
    searched("again", 'weights(path = "run")')
    searched("alone", "training(epochs = 1)")
    for folder, words in (
        ("again", "archdsl extract run --network again/best.arch"),
        ("alone", "`training`"),
    ):
        assert run(["extract", folder, "-o", "taken.safetensors"]) == 1
        told = capsys.readouterr().err
        assert "ARCH911" in told
        assert words in told
    assert run(["extract", "run", "--network", "again/best.arch", "-o", "taken.safetensors"]) == 0


def test_progressive_training_keeps_closed_decisions_at_their_largest_outcome():
    graph = archdsl.load(SPACE).space().searched
    rule = Progressive(opens=("body.k", ("depth", "w")), at=(0, 0.5), train=Term("uniform", group="sharing"))
    sampled = networks_by(rule, graph, 0, steps=40)
    paths = list(graph.decisions)
    largest = {path: graph.decisions[path].size - 1 for path in ("depth", "w")}
    for step in range(20):
        (one,) = sampled(step)
        assert {path: one[paths.index(path)] for path in largest} == largest
    kernels = {sampled(step)[0][paths.index("body[1].k")] for step in range(20)}
    assert kernels == {0, 1, 2}
    later = [dict(zip(paths, sampled(step)[0], strict=True)) for step in range(20, 40)]
    assert {one["w"] for one in later} == {0, 1, 2}
    assert {one["depth"] for one in later} == {0, 1}
    # What is not named is open from the start.
    assert len({sampled(step)[0][paths.index("body[1].x.1")] for step in range(20)}) == 2


def test_without_shares_decisions_open_evenly_spread():
    graph = archdsl.load(SPACE).space().searched
    found = shrinking_schedule(Progressive(opens=("w", "depth", "body.k")), graph.decisions)
    assert found == {"w": 0, "depth": 1 / 3, "body[1].k": 2 / 3, "body[2].k": 2 / 3}


def test_sandwich_among_open_decisions_has_their_smallest_network():
    graph = archdsl.load(SPACE).space().searched
    rule = Progressive(opens=("w",), at=(0.5,))
    sampled, paths = networks_by(rule, graph, 0, steps=10), list(graph.decisions)
    at = paths.index("w")
    assert [one[at] for one in sampled(4)] == [2, 2, 2, 2]
    assert [one[at] for one in sampled(5)][:2] == [2, 0]


def test_progressive_training_that_was_stopped_is_resumed_and_makes_the_same_weights():
    evaluate = f"weights(train = {PROGRESSIVE}, epochs = 4)"
    searched("whole", evaluate)
    steps = 0

    def stop() -> bool:
        nonlocal steps
        steps += 1
        return steps == 5

    with pytest.raises(Interrupted):
        searched("part", evaluate, stop=stop)
    searched("part", evaluate, resume=True)
    assert trials("part") == trials("whole")
