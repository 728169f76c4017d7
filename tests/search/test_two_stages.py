"""`evaluate = two_stage(…)`: the decoder on features of the encoder, then the whole network."""

from __future__ import annotations

import copy
import random
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from small_trials import register_in_turn, search_of, trials
from torch import nn

import archdsl
from archdsl import SpecError
from archdsl.backends.torch_module import view
from archdsl.configs.evaluators import MovingLevel
from archdsl.data.augmentation import Augmentation
from archdsl.data.batches import Batches
from archdsl.data.opening import open_data
from archdsl.data.synthetic import synthetic
from archdsl.runs.interrupted import Interrupted
from archdsl.runs.processes import Processes
from archdsl.search.evaluators.early_stop import Level, Levels
from archdsl.search.evaluators.stages import Parts, share_weights
from archdsl.train.losses import cross_entropy
from archdsl.train.weights import save_weights
from random_spaces import random_space
from scored import score

CPU = Processes(0, 1, torch.device("cpu"))
DATA = "data = synthetic(images = 8, batch = 4, size = [32, 64])"
SPACE = """arch 1

space Two(; classes = 11) {
  input image: [3, 32, 64]
  stem = image -> conv(c = 4, s = 2) -> bn -> relu -> conv(c = 6, s = 2) -> bn -> relu
  y = one of {small: stem -> conv(c = 8, k = 1), large: stem -> conv(c = 8)}
  output logits = y -> relu -> conv(c = classes, k = 1)
}
"""
STAGES = (
    "evaluate = two_stage(first = decoder_only(epochs = 2, crops = 8, validate_every = 2),"
    "second = end_to_end(epochs = 2)"
)


@pytest.fixture(autouse=True)
def _in_turn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    register_in_turn(monkeypatch)
    monkeypatch.chdir(tmp_path)


def plainly_trained(outcome: str) -> tuple[nn.Module, float]:
    """A network trained in two stages by plain loops, and its reward after the first."""
    splits = open_data("synthetic", {"images": 8, "size": (32, 64)})
    batches = Batches(splits.train, 4, Augmentation((32, 64), (0.75, 1.5)), 0)
    torch.manual_seed(0)
    stem = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Conv2d(4, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
    )  # fmt: skip
    for norm in (stem[1], stem[4]):
        norm.momentum = None
    with torch.no_grad():
        for step in range(8):
            stem(batches.batch(step).images_B3HW)
    for norm in (stem[1], stem[4]):
        norm.momentum = 0.1
    stem.eval()
    with torch.no_grad():
        crops = [batches.batch(step) for step in range(2)]
        features = torch.cat([stem(crop.images_B3HW) for crop in crops])
    labels = torch.cat([F.interpolate(crop.masks_BHW[:, None].float(), (8, 16))[:, 0] for crop in crops])
    torch.manual_seed(0)
    k = 1 if outcome == "small" else 3
    whole = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.Conv2d(4, 6, 3, bias=False),  # the encoder's are drawn first
        nn.Conv2d(6, 8, k, padding=k // 2, bias=False), nn.ReLU(), nn.Conv2d(8, 11, 1, bias=False),
    )  # fmt: skip
    decoder = whole[2:]

    def run(parts, network, epochs, steps, decay, loss):
        average = copy.deepcopy(network)
        for epoch in range(epochs):
            for step in range(epoch * steps, (epoch + 1) * steps):
                value = loss(epoch, step)
                for by, _, _ in parts:
                    by.zero_grad()
                value.backward()
                for by, params, clip in parts:
                    nn.utils.clip_grad_norm_(params, clip)
                    by.step()
                with torch.no_grad():
                    for mine, theirs in zip(average.parameters(), network.parameters(), strict=True):
                        mine.lerp_(theirs, 1 - decay)
            with torch.no_grad():
                for mine, theirs in zip(network.parameters(), average.parameters(), strict=True):
                    mine.copy_(theirs)

    def adam(params, lr):
        return torch.optim.Adam(params, lr, (0.9, 0.999), weight_decay=1e-5), list(params), 3.0

    def on_features(epoch, step):
        order = np.random.default_rng((3, 0, epoch)).permutation(8)[(step % 2) * 4 : (step % 2) * 4 + 4]
        return cross_entropy(decoder(features[order]), labels[order].long())

    run([adam(list(decoder.parameters()), 7e-3)], decoder.train(), 2, 2, 0.9, on_features)
    network = nn.Sequential(stem, decoder)
    reward = score(network.eval(), splits.val, CPU).means().reward

    def on_images(epoch, step):
        batch = batches.batch(step)
        logits = network(batch.images_B3HW)
        return cross_entropy(logits, F.interpolate(batch.masks_BHW[:, None].float(), (8, 16))[:, 0].long())

    parts = [adam(list(stem.parameters()), 5e-4), adam(list(decoder.parameters()), 2e-3)]
    run(parts, network.train(), 2, 2, 0.99, on_images)
    return network.eval(), reward


def test_scores_are_those_of_a_network_trained_by_plain_loops() -> None:
    archdsl.search(search_of(f"{STAGES}); {DATA}; maximize reward", SPACE), folder="run")
    val = open_data("synthetic", {"images": 8, "size": (32, 64)}).val
    for trial, outcome in zip(trials(Path("run")), ("small", "large"), strict=True):
        network, first = plainly_trained(outcome)
        confusion = score(network, val, CPU)
        assert trial["scores"]["validation decoder 2"] == pytest.approx(first, abs=1e-6)
        assert trial["scores"]["miou"] == pytest.approx(confusion.mean_iou(), abs=1e-6)
        assert trial["scores"]["reward"] == trial["scores"]["validation network 2"]


def test_a_training_below_its_level_ends_and_has_the_scores_that_it_had_by_then() -> None:
    stop = "early_stop = moving_level(level = 0.9, slack = 0)"
    archdsl.search(search_of(f"{STAGES}, {stop}); {DATA}; maximize miou", SPACE), folder="run")
    for trial in trials(Path("run")):
        named = {name for name in trial["scores"] if name.startswith("validation")}
        assert named == {"validation decoder 2"}
        assert trial["objective"] == -trial["scores"]["validation decoder 2"] == -trial["scores"]["miou"]


def test_levels_follow_the_trials_in_their_order_also_when_a_search_is_resumed() -> None:
    # The first network sets a level of its own value, which only a better one is above.
    stop = "early_stop = moving_level(level = 0, decay = 0, slack = 0)"
    text = search_of(f"{STAGES}, {stop}); {DATA}; maximize miou", SPACE)
    archdsl.search(text, folder="whole")
    heard: list[int] = []
    with pytest.raises(Interrupted):
        archdsl.search(text, folder="part", report=lambda now: heard.append(1), stop=lambda: len(heard) > 0)
    assert len(trials(Path("part"))) == 1
    archdsl.search(text, folder="part", resume=True)
    scores = [[one["scores"] for one in trials(Path(folder))] for folder in ("whole", "part")]
    assert scores[0] == scores[1]


def test_the_level_and_its_slack_change_as_in_the_released_code() -> None:
    config, level = MovingLevel(), Level(0.01, 0.9)
    for _ in range(100):
        level = level.with_value(0.0, config)
    assert level.count == 100
    assert level.level == pytest.approx(0.01 * 0.99**100)
    assert level.slack == 0.9
    level = level.with_value(0.5, config)  # above the level: counted twice
    assert (level.count, level.slack) == (102, pytest.approx(0.81))
    kept = Levels(config, {"network 1": Level(0.5, 0.9)})
    rng = random.Random(0)
    continues = [kept.continues("network 1", 0.3, rng) for _ in range(2000)]
    now = 0.99 * 0.5 + 0.01 * 0.3  # stops where the drawn slack is below 1 - 0.3 / now
    assert np.mean(continues) == pytest.approx(1 - (1 - 0.3 / now) / 0.9, abs=0.05)
    assert kept.continues("network 1", 0.6, rng)


def test_the_encoder_starts_with_the_weights_of_a_file() -> None:
    network = archdsl.load(search_of("minimize macs", SPACE)).space().bind({"y": "small"})
    module = network.module()
    for parameter in module.parameters():
        nn.init.constant_(parameter, 0.0)
    save_weights(Path("zeros.safetensors"), module, {})
    archdsl.search(search_of(f"{STAGES}); {DATA}; maximize reward", SPACE), folder="random")
    text = search_of(f'{STAGES}, encoder = "zeros.safetensors"); {DATA}; maximize reward', SPACE)
    archdsl.search(text, folder="zeros")
    first, other = (trials(Path(folder))[0]["scores"] for folder in ("random", "zeros"))
    assert first["validation decoder 2"] != other["validation decoder 2"]
    with pytest.raises(SpecError, match="file not found"):
        archdsl.search(text.replace("zeros.saf", "none.saf"), folder="none")


def test_a_space_without_an_encoder_is_refused() -> None:
    space = SPACE.replace("stem = image", "w = one of {4, 6}\n  stem = image").replace("c = 4, s", "c = w, s")
    with pytest.raises(SpecError, match="has no encoder"):
        archdsl.search(search_of(f"{STAGES}); {DATA}; maximize reward", space), folder="run")


def test_the_middle_of_images_is_validated_on() -> None:
    from archdsl.data.central import Central

    whole = synthetic(2, 32, 64, 0, "val")
    middle = Central(whole, (16, 16))[1]
    assert (middle.mask == whole[1].mask[8:24, 24:40]).all()
    assert (middle.image == whole[1].image[8:24, 24:40]).all()
    assert Central(whole, (64, 64))[0].mask.shape == (32, 64)
    assert Central(whole, (16, 16)).fingerprint() != whole.fingerprint()
    archdsl.search(search_of(f"{STAGES}, validate = [16, 32]); {DATA}; maximize reward", SPACE), folder="run")
    archdsl.search(search_of(f"{STAGES}); {DATA}; maximize reward", SPACE), folder="all")
    assert trials(Path("run"))[0]["scores"] != trials(Path("all"))[0]["scores"]


@pytest.mark.parametrize("seed", range(20))
def test_encoder_and_decoder_compute_what_the_network_does(seed: int) -> None:
    space, rng = random_space(seed), random.Random(seed)
    parts = Parts(space.searched)
    (image,) = space.graph.inputs
    images = torch.rand(2, *space.graph.inputs[image], generator=torch.Generator().manual_seed(seed))
    for _ in range(4):
        network = space.bind(space.sample(rng))
        module = network.module()
        features = {image: images}
        if parts.encoder.outputs:
            encoder = parts.encoder_module().eval()
            share_weights(encoder, module)
            features |= encoder.forward_all(images)
        graph = parts.decoder(network.graph)
        found = view(module, graph)(*(features[name] for name in graph.inputs))
        assert torch.equal(found, module(images))
