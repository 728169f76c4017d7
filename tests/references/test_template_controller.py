"""The controller of specs/template.arch, against the released one under the same fill: its parameters, the
distributions of its steps, probabilities and gradients of actions."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import archdsl
from archdsl.configs.controllers import Lstm
from archdsl.resources import specs_folder
from archdsl.search.strategies.controller.layout import Layout, layout
from archdsl.search.strategies.controller.lstm import LstmController
from archdsl.search.terms import configured

DEAD = {"enc_op.weight": 600}
"""An embedding that the released code makes and does not read: this controller does without."""
LAYER = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def hash01(index: int, count: int) -> np.ndarray:
    """The hash of the reference data, in unsigned 32-bit arithmetic."""
    h = np.arange(count, dtype=np.uint32) * np.uint32(2246822519)
    h += np.uint32((index * 2654435769 + 374761393) % 2**32)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return h / 2.0**32


@pytest.fixture(scope="module")
def released(reference: Callable[[str], Path]) -> dict[str, Any]:
    whole = json.loads(reference("template_controller.json").read_text("utf-8"))
    np.testing.assert_allclose(hash01(7, 4), whole["check"]["hash01(7,0..3)"])
    found: dict[str, Any] = whole["controller"]
    return found


@pytest.fixture(scope="module")
def fill(released: dict[str, Any]) -> dict[str, torch.Tensor]:
    return {
        name: torch.from_numpy(0.8 * hash01(3_000_000 + i, math.prod(shape)) - 0.4).float().reshape(shape)
        for i, (name, shape) in enumerate(released["parameters"])
    }


@pytest.fixture(scope="module")
def steps() -> tuple[Lstm, Layout]:
    program = archdsl.load(specs_folder() / "template.arch")
    strategy: Any = program.search().clauses.settings["strategy"]
    config: Lstm = configured(strategy.settings["controller"])
    decisions = program.space().decisions
    return config, layout(list(decisions), [d.size for d in decisions.values()], config)


def heads() -> Iterator[str]:
    """The released heads, in the order in which its steps first read them."""
    yield from ("linear_op", "linear_agg_op", "ctx_fcs.0", "ctx_fcs.1")
    yield from ("template_op", "repeat_op", "stride_op")
    yield from (f"ctx_fcs.{n}" for n in range(2, 8))
    yield "dummy_stride_op"
    yield from (f"ctx_fcs.{n}" for n in range(8, 14))


def by_released_name(controller: LstmController, of: Callable[[torch.Tensor], Any]) -> dict[str, Any]:
    """What `of` makes of each parameter, by the name of the released one."""
    ways = list(controller.layout.ways)
    rows = zip(heads(), of(controller.heads).split(ways), of(controller.biases).split(ways), strict=True)
    found = {"g_emb": of(controller.start)}
    for n, weight in enumerate(controller.weights):
        found[f"rnn.{LAYER[n % 4]}_l{n // 4}"] = of(weight)
    for head, weight, bias in rows:
        found |= {f"{head}.weight": weight, f"{head}.bias": bias}
    return found


@pytest.fixture
def controller(steps: tuple[Lstm, Layout], fill: dict[str, torch.Tensor]) -> LstmController:
    made = LstmController(*steps, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for name, parameter in by_released_name(made, lambda one: one).items():
            parameter.copy_(fill[name].reshape(parameter.shape))
    return made


def outcomes(controller: LstmController, action: list[int]) -> torch.Tensor:
    """An action of the released controller, one number for each step, as outcomes by decision."""
    found = [0] * len(controller.layout.order)
    for step, chosen in zip(controller.layout.steps, action, strict=True):
        if step.decision is not None:
            found[step.decision] = chosen
    return torch.tensor([found])


def test_it_has_the_released_parameters_but_for_an_embedding_without_effect(
    controller: LstmController, released: dict[str, Any]
) -> None:
    shapes = {name: math.prod(shape) for name, shape in released["parameters"] if name not in DEAD}
    assert {n: p.numel() for n, p in by_released_name(controller, lambda one: one).items()} == shapes
    assert sum(p.numel() for p in controller.parameters()) == released["n_params"] - 600 == 170_588


def test_its_44_distributions_are_the_released_ones(
    controller: LstmController, released: dict[str, Any]
) -> None:
    wanted = released["step_distributions (identical for every architecture)"]
    found = controller.distributions()
    assert len(found) == len(wanted) == 44
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, torch.tensor(other), rtol=0, atol=1e-6)


@pytest.mark.parametrize(("fast", "near"), [(False, 1e-6), (True, 2e-5)])
def test_an_action_has_its_probability_entropy_and_gradients(
    controller: LstmController, released: dict[str, Any], fast: bool, near: float
) -> None:
    arch0 = released["arch0"]
    found = controller.log_probs(outcomes(controller, arch0["action"]), fast)
    assert found.log_probs.sum().item() == pytest.approx(arch0["log_prob"], rel=near)
    assert found.entropies.sum().item() == pytest.approx(arch0["entropy"], rel=near)
    found.log_probs.sum().backward()
    norms = by_released_name(controller, lambda one: one.grad)
    wanted = {name: norm for name, norm in arch0["grad_l2_of_log_prob"].items() if name not in DEAD}
    assert arch0["grad_l2_of_log_prob"].keys() - wanted.keys() == DEAD.keys()
    assert {n: g.norm().item() for n, g in norms.items()} == pytest.approx(wanted, rel=near, abs=near)


def plain(fill: dict[str, torch.Tensor], rnn: nn.LSTM, action: list[int]) -> torch.Tensor:
    """The logarithm of an action's probability under the released controller, written plainly."""
    output, state, places = fill["g_emb"], None, iter(range(14))
    names = ["linear_op", "linear_op", "linear_agg_op"] * 3
    for n in range(7):
        names += [f"ctx_fcs.{next(places)}", f"ctx_fcs.{next(places)}", "template_op", "repeat_op"]
        names += ["stride_op" if n < 3 else "dummy_stride_op"]
    found = torch.zeros((), dtype=torch.float64)
    for n, name in enumerate(["", "", *names]):  # two steps of warm-up
        output, state = rnn(output, state)
        if name:
            logits = fill[f"{name}.weight"] @ output.flatten() + fill[f"{name}.bias"]
            found = found + logits.log_softmax(0)[action[n - 2]]
    return found


def test_any_action_has_the_probability_and_the_gradients_of_one_written_plainly(
    controller: LstmController, fill: dict[str, torch.Tensor], steps: tuple[Lstm, Layout]
) -> None:
    exact = LstmController(*steps, torch.Generator(), torch.float64)
    exact.load_state_dict(controller.state_dict())
    generator = torch.Generator().manual_seed(0)
    ways = [controller.layout.ways[step.head] for step in controller.layout.steps]
    action = [int(torch.randint(way, (), generator=generator)) for way in ways]
    doubles = {name: value.double().requires_grad_() for name, value in fill.items()}
    rnn = nn.LSTM(100, 100, 2).double()
    for name, parameter in rnn.named_parameters():
        parameter.data = fill[f"rnn.{name}"].double()
    wanted = plain(doubles, rnn, action)
    wanted.backward()  # type: ignore[no-untyped-call]
    gradients = {name: value.grad for name, value in doubles.items() if not name.startswith("rnn.")}
    gradients |= {f"rnn.{name}": parameter.grad for name, parameter in rnn.named_parameters()}
    for fast in (False, True):
        exact.zero_grad()
        found = exact.log_probs(outcomes(exact, action), fast).log_probs.sum()
        found.backward()
        assert found.item() == pytest.approx(wanted.item(), rel=1e-12)
        for name, gradient in by_released_name(exact, lambda one: one.grad).items():
            torch.testing.assert_close(gradient.flatten(), gradients[name].flatten(), rtol=1e-10, atol=1e-11)
