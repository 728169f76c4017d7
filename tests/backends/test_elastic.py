"""Supernets whose networks differ in tensor shapes: a path equals the network that is taken out."""

from __future__ import annotations

import random
from itertools import product

import pytest
import torch
from elastic_equality import UNET, demand_equal, inputs, sampled
from torch import nn

import archdsl
from archdsl import SpecError
from archdsl.backends.elastic.network import build
from archdsl.ops.places import NotShared, by_group, index, stacked, within_group
from archdsl.program import load
from grown_spaces import seeded

SHUFFLED = """arch 1

space Shuffled {
  input image: [3, 16, 16]
  c = one of {8, 16}
  x = image -> conv(c = c) -> bn -> relu
  y = x -> conv(c = 12, k = 1, g = 4) -> bn -> channel_shuffle(g = 4) -> bn
  z = concat(y, x) -> channel_shuffle(g = 2) -> bn -> conv(c = 6, k = 1)
  output logits = concat(z, y) -> pixel_shuffle(r = 3) -> conv(c = 4)
}
"""


ATTENTIVE = """arch 1

space Attentive {
  input image: [3, 12, 16]
  c = one of {4, 8, 12}
  x = image -> conv(c = c) -> layer_norm -> prelu -> group_norm(g = 2) -> drop_path(p = 0.2)
  y = x -> attention(heads = 2, reduction = 2) -> linear(c = one of {8, 16}) -> gelu -> prelu(shared = true)
  z = concat(x, y) -> layer_norm -> instance_norm(affine = true) -> attention(heads = 2, bias = false)
  few = z -> conv(c = 8, k = 1, s = 2)
  met = dot_attention(z -> linear(c = 8), few, few -> linear(c = c), heads = 2)
  a, b = met -> split
  part = z -> slice(first = 3, last = 4 + c)
  output logits = concat(part -> softmax, a + b, b -> channel_sum) -> linear(c = 4)
}
"""
"""Parts of attention by head, of normalization over joined channels, and of slices of searched sizes."""


SHIPPED = {
    "template": {"image": (3, 64, 64), "classes": 4}, "fasterseg": {"image": (3, 64, 128), "classes": 4},
    "space": {"image": (3, 32, 64)}, "elastic": {"image": (3, 32, 64)},
}  # fmt: skip


@pytest.mark.parametrize("text", [UNET, SHUFFLED, ATTENTIVE])
@pytest.mark.parametrize("training", [True, False])
def test_a_path_is_the_network_that_is_taken_out(text: str, training: bool):
    space = archdsl.load(text).space()
    net, rng = build(space.searched), random.Random(1)
    for _ in range(8):
        demand_equal(space, net, sampled(space, rng), training=training)


@pytest.mark.parametrize("spec", SHIPPED)
def test_shipped_spaces_have_elastic_weights(spec: str):
    space = load(f"specs/{spec}.arch").space(**SHIPPED[spec])
    net, rng = build(space.searched).eval(), random.Random(2)
    for _ in range(2):
        outcomes = sampled(space, rng)
        with torch.inference_mode():
            taken = net.network(outcomes)(*inputs(space, batch=1))
            assert torch.equal(net.path(*inputs(space, batch=1), outcomes=outcomes), taken)


def test_random_spaces_have_elastic_weights_or_say_why_not():
    shared, rejected = 0, set()
    for seed in range(90):
        text = seeded(seed, most=5).text
        if not archdsl.check(text).ok:
            continue
        space = archdsl.load(text).space()
        if not space.searched.decisions:
            continue
        rng = random.Random(seed)
        try:
            net = build(space.searched)
            for training in (True, False):
                demand_equal(space, net, sampled(space, rng), training=training)
            shared += 1
        except SpecError as error:
            rejected |= {error.diagnostics[0].code}
    assert rejected <= {"ARCH810", "ARCH504"}
    assert shared >= 40


def test_each_weight_is_stored_once_at_its_largest_size():
    space = archdsl.load(UNET).space()
    net = build(space.searched)
    sizes = {name: tuple(value.shape) for name, value in net.state_dict().items() if name.endswith("weight")}
    assert (24, 3, 3, 3) in sizes.values()
    assert (20, 20, 5, 5) in sizes.values()
    assert (16, 24 + 20 + 20, 1, 1) in sizes.values()  # an own range for each that may be concatenated
    assert (5, 16 + 20, 1, 1) in sizes.values()


def test_a_source_of_a_concatenation_has_one_range_of_channels_whatever_else_is_there():
    text = """arch 1
space S {
  input image: [2, 8, 8]
  a = image -> conv(c = one of {2, 4})
  b = image -> conv(c = 3)
  d = image -> conv(c = 5)
  both = any 2 of {a, b, d}
  output y = concat(both) -> conv(c = 5, k = 1)
}
"""
    space = archdsl.load(text).space()
    net = build(space.searched)
    (last,) = [m for m in net.children() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1)]
    decisions = space.searched.decisions
    width = next(path for path in decisions if path != "both")
    for outcome, text in enumerate(decisions["both"].outcomes):
        outcomes = {"both": outcome, width: 0}
        (taken,) = [m for m in net.network(outcomes).children() if m.kernel_size == (1, 1)]
        ranges = {"a": [0, 1], "b": [4, 5, 6], "d": [7, 8, 9, 10, 11]}
        places = [place for member in text.strip("{}").split(", ") for place in ranges[member]]
        assert torch.equal(taken.weight, last.weight[:, places])


def test_where_channels_of_different_origins_meet_in_a_sum_it_is_said():
    text = """arch 1
space S {
  input image: [2, 8, 8]
  a = image -> conv(c = one of {2, 4})
  b = concat(a, a)
  y = b + (image -> conv(c = b.c))
  output logits = y -> conv(c = 3)
}
"""
    space = archdsl.load(text).space()
    net = build(space.searched)
    with pytest.raises(
        SpecError, match="the operands of a sum would use different channels of the shared weights"
    ) as caught:
        net.path(*inputs(space), outcomes=dict.fromkeys(space.searched.decisions, 0))
    (found,) = caught.value.diagnostics
    assert found.code == "ARCH810"
    assert found.primary is not None


def test_places_are_ranges_where_they_can_be():
    assert index((3, 4, 5)) == range(3, 6)
    assert index((3, 5)) == (3, 5)
    assert stacked([(0, 1), None, (0,)], [4, 3, 2]) == (0, 1, 7)
    assert by_group(4, 8, 2) == (0, 1, 4, 5)
    assert within_group((0, 1, 4, 5), 8, 2) == (0, 1)
    assert within_group((0, 1, 2, 3), 8, 2) == (0, 1)
    with pytest.raises(NotShared, match="groups would use different channels"):
        within_group((0, 1, 4, 6), 8, 2)


def test_a_path_is_in_the_mode_of_the_supernet_whatever_mode_it_ran_in_before():
    text = """arch 1
space S {
  input image: [2, 8, 8]
  a = image -> conv(c = one of {2, 4}) -> dropout(p = 0.5)
  output y = a -> conv(c = 3)
}
"""
    space = archdsl.load(text).space()
    net, images = build(space.searched).train(), inputs(space)
    outcomes = dict.fromkeys(space.searched.decisions, 0)
    assert not torch.equal(net.path(*images, outcomes=outcomes), net.path(*images, outcomes=outcomes))
    assert torch.equal(net.eval().path(*images, outcomes=outcomes), net.network(outcomes)(*images))


def test_a_path_that_was_evaluated_first_is_trained_afterwards() -> None:
    """What is kept of a path, such as indices of its channels, is made for both."""
    text = """arch 1
space S {
  input image: [3, 8, 8]
  parts = any 2 of {a: image -> conv(c = 4), b: image -> conv(c = 4, k = 1), c: image -> conv(c = 4, k = 5)}
  output y = concat(parts) -> bn -> conv(c = 2)
}
"""
    net = build(archdsl.load("s.arch", text=text).space().graph)
    apart = {"parts": 1}  # the first and the last: channels that are not contiguous
    with torch.inference_mode():
        net.eval().path(torch.rand(2, 3, 8, 8), outcomes=apart)
    net.train().path(torch.rand(2, 3, 8, 8), outcomes=apart).sum().backward()
    trained = [parameter for parameter in net.parameters() if parameter.grad is not None]
    assert len(trained) == 5  # of two convolutions, the normalization, and the last convolution


def test_slices_of_large_weights_follow_them_to_other_memory_and_add_up_their_gradients() -> None:
    text = """arch 1
space S {
  input image: [3, 6, 6]
  output y = image -> conv(c = one of {32, 64}) -> conv(c = 48, k = 5)
}
"""
    net = build(archdsl.load("s.arch", text=text).space().graph)
    image, narrow = torch.rand(2, 3, 6, 6), {next(iter(net.sampled)): 0}
    net.path(image, outcomes=narrow).sum().backward()
    net.double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(0.5)
    net.zero_grad()
    images = [image.double(), 2 * image.double()]
    for one in images:
        net.path(one, outcomes=narrow).square().sum().backward()
    taken = net.network(narrow)
    for one in images:
        taken(one).square().sum().backward()
    for whole, own in zip(net.parameters(), taken.parameters(), strict=True):
        assert whole.grad is not None
        assert own.grad is not None
        part = whole.grad[tuple(slice(size) for size in own.shape)]
        assert torch.equal(part, own.grad)
        assert whole.grad.square().sum() == part.square().sum()  # zeros elsewhere


def test_a_setting_may_read_the_channels_of_a_tensor_that_joins_inputs_which_some_networks_lack() -> None:
    """It ended with a KeyError: such channels are named by the tensor, and are no choice between sizes."""
    space = archdsl.load("""arch 1

space S {
  input image: [4, 8, 8]
  e = some of {a: image, b: image -> relu}
  joined = concat({z: image, e})
  t = one of {a: image, c: joined}
  output y = t -> conv(c = t.c, k = one of {1, 3}) -> conv(c = 3)
}
""").space()
    net = build(space.searched)
    decisions = space.searched.decisions
    for outcomes in product(*(range(decision.size) for decision in decisions.values())):
        demand_equal(space, net, dict(zip(decisions, outcomes, strict=True)), training=True)


def test_groups_that_do_not_divide_the_largest_width_of_all_networks_are_a_located_error() -> None:
    """It ended in the constructor of the convolution: no network has both 8 channels and 3 groups."""
    space = archdsl.load("""arch 1

space S {
  input image: [4, 8, 8]
  g = one of {2, 3}
  wide = image -> conv(c = 8 if g == 2 else 6)
  output y = wide -> conv(c = 12, g = g)
}
""").space()
    with pytest.raises(SpecError) as error:
        build(space.searched)
    (found,) = error.value.diagnostics
    assert found.code == "ARCH810"
    assert found.primary is not None
    assert "with the largest settings of all networks, 8 input channels are not divisible by 3 groups" in (
        found.headline
    )
