"""The once-for-all space of MobileNet-v3 (arXiv:1908.09791): how many networks, and how large they are."""

from __future__ import annotations

import random
from collections.abc import Mapping

import torch

from archdsl.program import Space, load
from archdsl.resources import specs_folder

WIDTHS, SQUEEZED = (16, 24, 40, 80, 112, 160), (2, 4, 5)


def space(**settings: object) -> Space:
    return load(specs_folder() / "ofa_mobilenet.arch").space(**settings)


def sampled(space: Space, rng: random.Random) -> dict[str, str]:
    return {path: rng.choice(d.outcomes) for path, d in space.decisions.items()}


def conv(before: int, after: int, k: int = 1) -> int:
    return before * after * k * k


def bn(channels: int) -> int:
    return 2 * channels


def divisible(quarter: int) -> int:
    near = max(8, (quarter + 4) // 8 * 8)
    return near if near >= 0.9 * quarter else near + 8


def squeeze_excite(channels: int) -> int:
    hidden = divisible(channels // 4)
    return conv(channels, hidden) + hidden + conv(hidden, channels) + channels


def block(before: int, after: int, k: int, e: int, *, squeezed: bool) -> int:
    wide = e * before
    own = conv(before, wide) + bn(wide) + wide * k * k + bn(wide) + conv(wide, after) + bn(after)
    return own + (squeeze_excite(wide) if squeezed else 0)


def parameters(choice: Mapping[str, str], classes: int) -> int:
    """Of a network, by hand."""
    stem = conv(3, 16, 3) + bn(16)
    first = 16 * 9 + bn(16) + conv(16, 16) + bn(16)
    total = stem + first
    for unit in range(1, 6):
        for i in range(1, int(choice[f"units[{unit}].depth"]) + 1):
            at = f"units[{unit}].blocks[{i}]"
            k, e = int(choice[f"{at}.kernel"]), int(choice[f"{at}.expansion"])
            before = WIDTHS[unit - 1] if i == 1 else WIDTHS[unit]
            total += block(before, WIDTHS[unit], k, e, squeezed=unit in SQUEEZED)
    head = conv(160, 960) + bn(960) + conv(960, 1280) + conv(1280, classes) + classes
    return total + head


def test_there_are_as_many_networks_as_the_paper_says() -> None:
    choices = 3 * 3  # kernels and expansions of a block
    unit = choices**2 + choices**3 + choices**4
    count = space().networks.count
    assert (count.networks, count.exact) == (unit**5, True)
    assert f"{unit**5:.2e}" == "2.18e+19"


def test_networks_have_the_parameters_that_are_counted_by_hand() -> None:
    of, rng = space(), random.Random(1)
    for _ in range(20):
        choice = sampled(of, rng)
        network = of.bind(choice)
        assert network.cost().params == parameters(choice, 1000)


def test_the_published_form_gives_one_vector_of_logits_and_the_dense_one_a_map_of_equal_weights() -> None:
    published, dense = space(image=(3, 64, 64), classes=7), space(image=(3, 64, 64), classes=7, dense=True)
    choice = sampled(published, random.Random(2))
    torch.manual_seed(0)
    one, other = published.bind(choice).module().eval(), dense.bind(choice).module().eval()
    shapes = [{name: value.shape for name, value in net.state_dict().items()} for net in (one, other)]
    assert shapes[0] == shapes[1]
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert one(image).shape == (2, 7, 1, 1)
        assert other(image).shape == (2, 7, 64, 64)
