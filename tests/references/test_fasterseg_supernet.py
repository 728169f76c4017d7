"""FasterSeg's supernet: two architectures over shared cells compute what the released code does."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (the usual name)

import archdsl
from archdsl.backends.elastic.shared import build
from archdsl.passes.transforms.distribute import Distribute
from archdsl.resources import specs_folder
from archdsl.train.losses import ohem
from fasterseg_supernet import PRIVATE, ROWS, Reference


@pytest.fixture(scope="module")
def released(reference: Callable[[str], Path]) -> Reference:
    return Reference(reference("fasterseg_small_supernet_reference.npz").parent)


def close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((found - expected).abs().max() <= 1e-5 * expected.abs().max())


@pytest.mark.parametrize(
    ("name", "number", "sizes"),
    [
        ("teacher", 0, "max"), ("teacher", 0, "min"),
        ("student", 1, "max"), ("student", 1, "min"), ("student", 1, "arch_ratio"),
    ],
)  # fmt: skip
def test_the_five_heads_are_those_of_the_released_code(
    released: Reference, name: str, number: int, sizes: str
) -> None:
    released.net.eval()
    with torch.no_grad():
        found = released.outputs(name, sizes, released.logits(name))
    for head, logits in enumerate(found):
        whole = F.interpolate(logits, scale_factor=8, mode="bilinear", align_corners=True)
        expected = torch.from_numpy(released.arrays[f"eval_arch{number}_{sizes}_pred{head}_8x"]).double()
        assert close(whole[..., ::8, ::8], expected)


def losses(released: Reference, found: list[torch.Tensor]) -> torch.Tensor:
    labels = torch.from_numpy(released.arrays["y"]).long()
    return torch.stack([ohem(logits, labels, 0.7, kept=16) for logits in found]).sum()


def test_the_loss_and_its_gradients_reach_ops_reads_and_widths(released: Reference) -> None:
    released.net.train()
    logits = released.logits("student")
    found = released.outputs("student", "arch_ratio", logits)
    for head, one in enumerate(found):
        expected = torch.from_numpy(released.arrays[f"train_arch1_arch_ratio_pred{head}"]).double()
        assert close(one, expected)
    loss = losses(released, found)
    assert float(loss.detach()) == pytest.approx(17.1404953, rel=1e-6)
    loss.backward()
    for what in ("alpha", "beta", "ratio"):
        for row, r in enumerate(ROWS):
            if f"{what}{r}" not in logits:
                continue
            expected = torch.from_numpy(released.arrays[f"grad_{what}_1_{row}"]).double()
            found_grad = logits[f"{what}{r}"].grad
            assert found_grad is not None
            # The reference was computed in float32: its noise is 1.5e-5 in ops and reads of 0.1 to 0.8.
            noise = 2e-7 if what == "ratio" else 2e-5
            assert (found_grad - expected).abs().max() <= noise, (what, r)


def test_the_loss_of_a_search_step_is_that_of_four_passes(released: Reference) -> None:
    released.net.train()
    passes = [("teacher", "max"), ("student", "arch_ratio"), ("student", "max"), ("student", "min")]
    total = sum(
        float(losses(released, released.outputs(name, sizes, released.logits(name))).detach())
        for name, sizes in passes
    )
    assert total == pytest.approx(68.653305, rel=1e-6)


def test_all_parameters_but_the_dead_ones_of_the_released_code_are_stored(released: Reference) -> None:
    """Dead are affine pairs of full width beside those of each width, and, in the last layer, those of a
    width that no architecture has there.
    """
    trained = ("conv_weight", "conv_bias", "bn_weight", "bn_bias")
    count = {o["key"]: math.prod(o["shape"]) for o in released.listing if o["kind"] in trained}
    scalars = sum(math.prod(o["shape"]) for o in released.listing if o["kind"] == "arch")
    assert sum(count.values()) + scalars == 8_622_800
    unread = {key for key in count if ".bn.0.".join(key.rsplit(".", 1)) in count}
    unread |= {key for key in count if re.match(r"cells\.5\.", key) and re.search(r"\.bn\.1\.\w+$", key)}
    stored = sum(parameter.numel() for parameter in released.net.parameters())
    assert stored == sum(count.values()) - sum(count[key] for key in unread) == 8_594_230


@pytest.mark.slow
def test_the_full_supernet_has_the_parameters_of_the_released_one_but_the_dead_ones() -> None:
    program = archdsl.load(specs_folder() / "fasterseg.arch")
    spaces = {name: program.space(last=last) for name, last in (("teacher", 12), ("student", 8))}
    graphs = {name: Distribute("x")(space.graph) for name, space in spaces.items()}
    with torch.device("meta"):
        stored = sum(p.numel() for p in build(graphs, PRIVATE, bn="per_width").parameters())
    # By rows and layers, the channels of the maps at full width: kept, and halved.
    layers, unit = 16, 12
    kept = [(layers - row) * r * unit for row, r in enumerate(ROWS)]
    halved = [(layers - 1 - row) * 2 * r * unit for row, r in enumerate(ROWS[:2])]
    pairs = 2 * (1 + 1 + 1 + 2 + 2)  # scales and shifts of the five ops of a cell
    full_width = pairs * (sum(kept) + sum(halved))  # beside those of each width
    in_last_layer = pairs * sum(ROWS) * (4 + 6 + 10)  # of widths that no architecture has there
    scalars = sum(d.size for space in spaces.values() for d in space.graph.decisions.values())
    widths = [d for path, d in spaces["teacher"].graph.decisions.items() if path.startswith("widths")]
    scalars -= sum(d.size - 1 for d in widths)  # the teacher's are fixed
    scalars -= sum(space.graph.decisions["pair"].size for space in spaces.values())  # chosen when decoding
    assert scalars == 822
    assert (full_width, in_last_layer) == (252_672, 15_680)
    assert stored + full_width + in_last_layer + scalars == 252_057_316
