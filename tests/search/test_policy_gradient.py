"""The strategies with a controller: what an update is, what they learn from, and that they are resumed."""

from __future__ import annotations

import copy
import itertools
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import archdsl
from archdsl.configs.controllers import Lstm
from archdsl.configs.controllers import Ppo as PpoConfig
from archdsl.configs.controllers import Reinforce as ReinforceConfig
from archdsl.configs.setting import settings_of
from archdsl.diagnostics import SpecError
from archdsl.search.strategies.base import Observation, Outcomes
from archdsl.search.strategies.controller.lstm import LstmController
from archdsl.search.strategies.controller.policy_gradient import PolicyGradient
from archdsl.search.strategies.controller.ppo import Ppo
from archdsl.search.strategies.controller.reinforce import Reinforce
from archdsl.search.trials.config import read_trials, strategy_of
from archdsl.search.trials.domain import Domain
from archdsl.spec.search_values import Term

SIZES = (3, 2, 4, 3)
DOMAIN = Domain.of_sizes(SIZES)


def lstm(**settings: Any) -> Term:
    return Term("lstm", {"hidden": 6, "layers": 2, "init": 0.5} | settings)


def reward_of(outcomes: Outcomes) -> float:
    """Between 0 and 1; greatest for the last outcomes."""
    return sum(o / (n - 1) for o, n in zip(outcomes, SIZES, strict=True)) / len(SIZES)


def tell(strategy: PolicyGradient, outcomes: Outcomes | None, reward: float | None = None) -> None:
    assert outcomes is not None
    strategy.observe(Observation(outcomes, (-(reward_of(outcomes) if reward is None else reward),)))


def parameters(strategy: PolicyGradient) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in strategy.controller.parameters()]


MADE: dict[str, Callable[[int], PolicyGradient]] = {
    "reinforce": lambda seed: Reinforce(ReinforceConfig(controller=lstm(), lr=0.05), DOMAIN, seed),
    "ppo, exact": lambda seed: Ppo(PpoConfig(controller=lstm(), lr=0.02, buffer=5), DOMAIN, seed),
    "ppo, batched": lambda seed: Ppo(
        PpoConfig(controller=lstm(), lr=0.05, update="batched", epochs=2, entropy=0.001), DOMAIN, seed
    ),
    "reinforce, fed back": lambda seed: Reinforce(
        ReinforceConfig(controller=lstm(feedback=True), lr=0.05), DOMAIN, seed
    ),
    "ppo, fed back": lambda seed: Ppo(
        PpoConfig(controller=lstm(feedback=True), lr=0.02, buffer=5), DOMAIN, seed
    ),
}  # fmt: skip


# ------------------------------------------------------------ updates


class Plain(nn.Module):
    """A controller with two steps of warm-up, whose first and last decision share a head, written plainly."""

    def __init__(self, of: LstmController):
        super().__init__()
        self.start = nn.Parameter(of.start.detach().clone())
        self.rnn = nn.LSTM(6, 6, 2, dtype=torch.float64)
        for mine, other in zip(self.rnn.parameters(), of.weights, strict=True):
            mine.data = other.detach().clone()
        heads, biases = of.heads.detach().split([3, 2, 4]), of.biases.detach().split([3, 2, 4])
        self.heads = nn.ParameterList(head.clone() for head in heads)
        self.biases = nn.ParameterList(bias.clone() for bias in biases)

    def forward(self, outcomes: Outcomes) -> torch.Tensor:
        output, state, found = self.start.view(1, 1, 6), None, torch.zeros((), dtype=torch.float64)
        for n, head in enumerate([None, None, 0, 1, 2, 0]):
            output, state = self.rnn(output, state)
            if head is not None:
                logits = self.heads[head] @ output.flatten() + self.biases[head]
                found = found + logits.log_softmax(0)[outcomes[n - 2]]
        return found

    def all(self) -> list[torch.Tensor]:
        """The parameters, as the controller has them."""
        heads, biases = torch.cat(list(self.heads)), torch.cat(list(self.biases))
        return [self.start, heads, biases, *self.rnn.parameters()]


def loss_of(plain: Plain, slot: tuple[Outcomes, float, float], baseline: float, clip: float) -> torch.Tensor:
    outcomes, before, reward = slot
    ratio, advantage = (plain(outcomes) - before).exp(), reward - baseline
    return -torch.min(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage)


def stepped(plain: Plain, adam: torch.optim.Adam, loss: torch.Tensor) -> None:
    adam.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(plain.parameters(), 2.0)
    adam.step()


@pytest.mark.parametrize(
    ("update", "lr", "buffer", "epochs"),
    [("exact", 1e-4, 100, 1), ("exact", 0.02, 10, 5), ("batched", 1e-4, 100, 2), ("batched", 0.1, 2, 5)],
    ids=["exact, as released", "exact, ratios are clipped", "batched", "batched, ratios are clipped"],
)
def test_an_update_is_that_of_steps_that_are_written_plainly(
    update: str, lr: float, buffer: int, epochs: int
):
    written = lstm(warmup=2, share=(("d0", "d3"),))
    config = PpoConfig(controller=written, lr=lr, update=update, epochs=epochs, buffer=buffer)
    strategy = Ppo(config, DOMAIN, 5, torch.float64)
    plain = Plain(strategy.controller)
    adam = torch.optim.Adam(plain.parameters(), lr=lr)
    empty: tuple[Outcomes, float, float] = ((0,) * 4, 0.0, 0.0)
    slots, baseline, clipped = [empty] * buffer, math.nan, 0
    for n, reward in enumerate([0.5, 0.9, 0.2]):
        outcomes = strategy.propose()
        assert outcomes is not None
        slots[n % buffer] = (outcomes, plain(outcomes).item(), reward)
        baseline = reward if n == 0 else 0.95 * baseline + 0.05 * reward
        for epoch in range(epochs):
            if update == "batched":
                losses = [loss_of(plain, one, baseline, 0.1) for one in slots if one is not empty]
                stepped(plain, adam, torch.stack(losses).mean())
                continue
            order = torch.randperm(buffer, generator=strategy.generator(f"order {epoch}", n)).tolist()
            for slot in order:
                stepped(plain, adam, loss_of(plain, slots[slot], baseline, 0.1))
                clipped += n > 0 and slot <= n and not any(p.grad.any() for p in plain.parameters())  # type: ignore[union-attr]
        tell(strategy, outcomes, reward)
    assert bool(clipped) == (update == "exact" and lr > 1e-3)
    for mine, other in zip(parameters(strategy), plain.all(), strict=True):
        torch.testing.assert_close(mine, other.detach(), rtol=1e-9, atol=1e-12)


def test_a_step_of_reinforce_is_along_the_advantage_and_the_entropy():
    config = ReinforceConfig(controller=lstm(), lr=0.1, entropy=0.3, grad_clip=0)
    strategy = Reinforce(config, DOMAIN, 0, torch.float64)
    tell(strategy, strategy.propose(), 1.0)
    other = copy.deepcopy(strategy)
    outcomes = strategy.propose()
    tell(strategy, outcomes, 3.0)
    found = other.controller.log_probs(torch.tensor([outcomes]))
    advantage = 3.0 - (0.95 * 1.0 + 0.05 * 3.0)
    other.step(-advantage * found.log_probs.sum() - 0.3 * found.entropies.sum())
    for mine, wanted in zip(parameters(strategy), parameters(other), strict=True):
        torch.testing.assert_close(mine, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("clip", [0.0, 2.0])
def test_gradients_are_clipped_at_their_norm(clip: float):
    strategy = Reinforce(ReinforceConfig(controller=lstm(), grad_clip=clip), DOMAIN, 0)
    tell(strategy, strategy.propose(), 0.0)
    tell(strategy, strategy.propose(), 1e4)
    norm = math.sqrt(sum(float((p.grad**2).sum()) for p in strategy.parameters if p.grad is not None))
    assert norm == pytest.approx(2.0, rel=1e-3) if clip else norm > 100


# ------------------------------------------------------------ what they learn from


@pytest.mark.parametrize("seen", ["unmet", "failed", "repeated"])
def test_a_proposal_without_a_score_teaches_nothing(seen: Any):
    strategy = Ppo(PpoConfig(controller=lstm(), buffer=5), DOMAIN, 0)
    tell(strategy, strategy.propose(), 1.0)
    outcomes, before = strategy.propose(), parameters(strategy)
    assert outcomes is not None
    strategy.observe(Observation(outcomes, (math.inf,), seen))
    assert all(torch.equal(*both) for both in zip(parameters(strategy), before, strict=True))
    assert strategy.mean == 1.0


def test_a_network_teaches_once():
    strategy = Reinforce(ReinforceConfig(controller=lstm()), DOMAIN, 0)
    tell(strategy, strategy.propose(), 1.0)
    outcomes, before = strategy.propose(), parameters(strategy)
    assert outcomes is not None
    strategy.observe(Observation(outcomes, (-3.0,), "repeated"))
    assert all(torch.equal(*both) for both in zip(parameters(strategy), before, strict=True))
    assert (len(strategy.open), strategy.learned, strategy.mean) == (0, 1, 1.0)


def test_a_network_of_others_teaches_and_leaves_what_is_open():
    strategy = Reinforce(ReinforceConfig(controller=lstm()), DOMAIN, 0)
    outcomes = strategy.propose()
    assert outcomes is not None
    other = tuple((o + 1) % n for o, n in zip(outcomes, SIZES, strict=True))
    tell(strategy, other, 1.0)
    assert (len(strategy.open), strategy.learned, strategy.mean) == (1, 1, 1.0)
    tell(strategy, outcomes, 1.0)
    assert (len(strategy.open), strategy.learned) == (0, 2)


@pytest.mark.parametrize("make", MADE.values(), ids=MADE.keys())
def test_no_objective_is_too_large(make: Callable[[int], PolicyGradient]):
    strategy = make(0)
    for reward in (1e300, -1e300, 1e-300, 5.0):
        tell(strategy, strategy.propose(), reward)
    assert all(bool(one.isfinite().all()) for one in parameters(strategy))


GUARDED = """arch 1

space Guarded {
  input image: [3, 16, 16]
  depth = one of {1, 2}
  x[0] = image -> conv(c = 4)
  stage body for i in 1..2 {
    kind = one of {sep: dwconv(k = 3), relu}
    x[i] = x[i - 1] -> kind
  }
  output logits = x[depth]
}
"""


def guarded() -> Domain:
    return Domain.of_graph(archdsl.load("guarded.arch", text=GUARDED).space().searched)


@pytest.mark.parametrize(("counted", "learns"), [("arising", False), ("all", True)])
def test_decisions_that_do_not_arise_count_only_where_all_do(counted: str, learns: bool):
    domain = guarded()
    last = domain.paths.index("body[2].kind")
    strategy = Reinforce(ReinforceConfig(controller=lstm(), counted=counted), domain, 0)
    for _ in range(30):
        outcomes = strategy.propose()
        assert outcomes is not None
        if strategy.learned and not domain.active(outcomes)[last]:
            break
        tell(strategy, outcomes, 1.0)
    else:
        pytest.fail("it always arises")
    tell(strategy, outcomes, 2.0)
    places = strategy.controller.layout.order.index(last)
    head = strategy.controller.layout.steps[places].head
    rows = strategy.controller.heads.grad
    assert rows is not None
    own = rows.split(list(strategy.controller.layout.ways))[head]
    assert bool(own.any()) == learns
    assert outcomes[last] == 0  # proposals are canonical


def test_a_choice_that_is_fed_back_counts_also_where_it_does_not_arise():
    fed = Reinforce(ReinforceConfig(controller=lstm(feedback=True)), guarded(), 0)
    assert fed.all_counted
    assert not Reinforce(ReinforceConfig(controller=lstm()), guarded(), 0).all_counted
    with pytest.raises(SpecError, match="ARCH606"):
        Reinforce(ReinforceConfig(controller=lstm(feedback=True), counted="arising"), guarded(), 0)


class Limits:
    """Requirements that a function of outcomes decides; `many` says whether also for many at once."""

    def __init__(self, meets: Callable[[Outcomes], bool], many: bool = False):
        self.meets, self.many = meets, many

    def meets_many(self, rows: Any) -> Any:
        return np.array([self.meets(tuple(row)) for row in rows.tolist()]) if self.many else None

    def extremes(self) -> tuple[Outcomes, ...]:
        return ()


def limited(limits: Limits) -> Domain:
    return Domain([f"d{n}" for n in range(4)], [[str(o) for o in range(n)] for n in SIZES], limits=limits)


@pytest.mark.parametrize("many", [False, True])
def test_proposals_meet_the_requirements_on_costs(many: bool):
    config = ReinforceConfig(controller=lstm())
    strategy = Reinforce(config, limited(Limits(lambda found: sum(found) == 7, many)), 0)
    drawn = [strategy.propose() for _ in range(50)]
    assert {sum(one) for one in drawn if one is not None} == {7}
    assert None not in drawn
    assert len(set(drawn)) > 1


def test_a_random_network_is_proposed_where_the_controller_draws_none_that_meets_them():
    only = (0, 1, 3, 2)
    domain = limited(Limits(lambda found: found == only, many=True))
    strategy = Reinforce(ReinforceConfig(controller=lstm(), lr=0.1), domain, 0)
    with torch.no_grad():
        strategy.controller.biases[0] = -50  # outcome 0 of the first decision
    assert strategy.propose() == only
    assert strategy.open[0].log_prob < -40
    before = strategy.controller.biases[0].item()
    tell(strategy, only, 1.0)
    strategy.propose()
    tell(strategy, only, 2.0)
    assert strategy.controller.biases[0].item() > before


def test_nothing_is_proposed_where_no_network_meets_them():
    strategy = Reinforce(ReinforceConfig(controller=lstm()), limited(Limits(lambda found: False)), 0)
    assert strategy.propose() is None
    assert (strategy.proposed, len(strategy.open)) == (0, 0)


@pytest.mark.parametrize("make", MADE.values(), ids=MADE.keys())
def test_it_learns_what_is_rewarded(make: Callable[[int], PolicyGradient]):
    strategy, rewards = make(0), []
    for _ in range(80):
        outcomes = strategy.propose()
        assert outcomes is not None
        rewards.append(reward_of(outcomes))
        tell(strategy, outcomes)
    assert sum(rewards[-20:]) / 20 > sum(rewards[:20]) / 20 + 0.2


# ------------------------------------------------------------ resuming


def searched(strategy: PolicyGradient, count: int, parallel: int = 3) -> list[Outcomes]:
    """Proposals, of which up to so many are open at once."""
    found: list[Outcomes] = []
    waiting = [tuple(one.outcomes) for one in strategy.open]
    for _ in range(count):
        while len(waiting) < parallel:
            outcomes = strategy.propose()
            assert outcomes is not None
            waiting.append(outcomes)
            found.append(outcomes)
        tell(strategy, waiting.pop(0))
    return found


@pytest.mark.parametrize("make", MADE.values(), ids=MADE.keys())
def test_proposals_depend_on_the_seed_and_on_what_was_observed_alone(make: Callable[[int], PolicyGradient]):
    torch.manual_seed(0)
    noise, threads = torch.get_rng_state(), torch.get_num_threads()
    wanted = searched(make(1), 12)
    assert torch.equal(torch.get_rng_state(), noise)
    torch.manual_seed(1)
    torch.set_num_threads(2)
    try:
        assert searched(make(1), 12) == wanted
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert searched(make(2), 12) != wanted


@pytest.mark.parametrize("before", [0, 1, 12])
@pytest.mark.parametrize("make", MADE.values(), ids=MADE.keys())
def test_a_snapshot_continues_with_the_same_proposals(make: Callable[[int], PolicyGradient], before: int):
    strategy = make(3)
    searched(strategy, before)
    state = strategy.state()
    arrays = {name: array.copy() for name, array in state.pop("arrays").items()}
    resumed = make(4)
    searched(resumed, 2)
    resumed.restore({**json.loads(json.dumps(state)), "arrays": arrays})
    assert searched(resumed, 10) == searched(strategy, 10)
    for mine, other in itertools.zip_longest(parameters(resumed), parameters(strategy)):
        assert torch.equal(mine, other)


# ------------------------------------------------------------ settings

SETTINGS: dict[str, Any] = {
    "controller": lstm(hidden=5), "lr": 0.1, "baseline": 0.5, "entropy": 0.5, "grad_clip": 0.01,
    "counted": "all", "clip": 1e-6, "buffer": 3, "epochs": 2, "update": "batched",
    "hidden": 5, "layers": 1, "warmup": 1, "order": ("body.kind",), "share": ("body.kind",),
    "one_way": ("depth",), "feedback": True, "init": 0.7,
}  # fmt: skip


def proposed(kind: str, given: dict[str, Any], controller: dict[str, Any]) -> list[torch.Tensor]:
    config, made = {"reinforce": (ReinforceConfig, Reinforce), "ppo": (PpoConfig, Ppo)}[kind]
    strategy = made(config(**{"controller": lstm(**controller), "lr": 0.03} | given), guarded(), 0)  # type: ignore[arg-type]
    for n in range(5):
        tell(strategy, strategy.propose(), float(n % 2))
    return parameters(strategy)


@pytest.mark.parametrize(
    ("kind", "key"),
    [(kind, key) for kind, config in (("reinforce", ReinforceConfig), ("ppo", PpoConfig), ("lstm", Lstm))
     for key in settings_of(config)],
)  # fmt: skip
def test_every_setting_has_an_effect(kind: str, key: str):
    given, controller = ({}, {key: SETTINGS[key]}) if kind == "lstm" else ({key: SETTINGS[key]}, {})
    strategy = "ppo" if kind == "lstm" else kind
    with_it, without = proposed(strategy, given, controller), proposed(strategy, {}, {})
    same = [torch.equal(one, other) for one, other in zip(with_it, without, strict=False)]
    assert not all(same) or len(with_it) != len(without)


@pytest.mark.parametrize(
    ("config", "lr"),
    [
        (ReinforceConfig(), 1e-2),
        (PpoConfig(), 1e-4),
        (PpoConfig(update="batched"), 1e-2),
        (PpoConfig(lr=3.0), 3.0),
    ],
)
def test_the_learning_rate_goes_with_the_number_of_steps(config: Any, lr: float):
    strategy = (Ppo if isinstance(config, PpoConfig) else Reinforce)(config, DOMAIN, 0)
    assert [group["lr"] for group in strategy.optimizer.param_groups] == [lr]


def test_a_name_of_no_decision_is_refused_where_the_search_has_it():
    search = """
search Q for Guarded {
  strategy = ppo(controller = lstm(layers = 1, share = ["boddy.kind"]))
  minimize macs
}
"""
    program = archdsl.load("guarded.arch", text=GUARDED + search)
    with pytest.raises(SpecError) as caught:
        strategy_of(read_trials(program.search()).strategy, guarded(), 0)
    (error,) = caught.value.diagnostics
    assert error.primary is not None
    at = error.primary.location
    assert (error.code, at.source.text[at.start : at.end]) == ("ARCH606", "share")
    assert error.help == "did you mean `body.kind`?"
