"""The controller of template-based search beside the released one, written plainly: drawing genotypes, and
what PPO does after each candidate, with a full buffer of 100.

    python benchmarks/controller.py [ROUNDS]

The plain one draws a genotype by stepping torch.nn.LSTM and sampling each decision from its head, and steps
for one slot of the buffer after the other, through autograd, as the released code does.  Before anything is
measured both are shown to take the same steps.  Released, on another machine: 12.5 ms a genotype, 3.8 s a
candidate.
"""

from __future__ import annotations

import sys
from typing import Any

from measure import SPECS, in_turns, median, one_thread, ratio, save

one_thread()

import torch  # noqa: E402
from torch import nn  # noqa: E402

import archdsl  # noqa: E402
from archdsl.configs.controllers import Ppo as PpoConfig  # noqa: E402
from archdsl.search.strategies.base import Observation  # noqa: E402
from archdsl.search.strategies.controller.lstm import LstmController  # noqa: E402
from archdsl.search.strategies.controller.ppo import Ppo  # noqa: E402
from archdsl.search.trials.domain import Domain  # noqa: E402

BUFFER, GENOTYPES, PLAIN_GENOTYPES = 100, 1_000, 20
Slots = list[tuple[torch.Tensor, torch.Tensor, float]]
"""Outcomes, the logarithm of their probability when they were drawn, and the advantage of each slot."""


class Plain(nn.Module):
    """The released controller: a linear layer a head, one step of torch.nn.LSTM after the other."""

    def __init__(self, of: LstmController):
        super().__init__()
        self.layout, hidden = of.layout, of.config.hidden
        self.start = nn.Parameter(of.start.detach().clone().view(1, 1, -1))
        self.rnn = nn.LSTM(hidden, hidden, of.config.layers)
        self.heads = nn.ModuleList(nn.Linear(hidden, ways) for ways in of.layout.ways)
        ways = list(of.layout.ways)
        rows = zip(self.heads, torch.split(of.heads, ways), torch.split(of.biases, ways), strict=True)
        with torch.no_grad():
            for mine, other in zip(self.rnn.parameters(), of.weights, strict=True):
                mine.copy_(other)
            for head, weight, bias in rows:
                head.weight.copy_(weight)
                head.bias.copy_(bias)

    def forward(self, outcomes: torch.Tensor | None = None) -> tuple[torch.Tensor, list[int]]:
        """The logarithm of the probability of outcomes, drawn where there are none."""
        output, state = self.start, None
        found, drawn = torch.zeros(()), []
        for t in range(self.layout.warmup + len(self.layout.steps)):
            output, state = self.rnn(output, state)
            if t < self.layout.warmup:
                continue
            step = self.layout.steps[t - self.layout.warmup]
            distribution = torch.distributions.Categorical(logits=self.heads[step.head](output.view(1, -1)))
            if step.decision is None:
                continue
            one = distribution.sample() if outcomes is None else outcomes[step.decision].view(1)
            drawn.append(int(one))
            found = found + distribution.log_prob(one).sum()
            distribution.entropy()
        return found, drawn


class PlainPpo:
    """One Adam step for each slot of the buffer."""

    def __init__(self, of: LstmController, config: PpoConfig):
        self.model, self.config = Plain(of), config
        self.adam = torch.optim.Adam(self.model.parameters(), lr=config.lr)

    def learn(self, slots: Slots, order: list[int]) -> None:
        for n in order:
            outcomes, before, advantage = slots[n]
            ratio = (self.model(outcomes)[0] - before).exp()
            clipped = ratio.clamp(1 - self.config.clip, 1 + self.config.clip)
            self.adam.zero_grad()
            (-torch.min(ratio * advantage, clipped * advantage)).backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.grad_clip)
            self.adam.step()


def filled(config: PpoConfig, domain: Domain, updates: bool) -> Ppo:
    """A strategy whose buffer is full of random rewards; without `updates` its controller is as it began."""
    strategy = Ppo(config, domain, 0)
    learn, noise = strategy.learn, torch.Generator().manual_seed(1)
    if not updates:
        strategy.step = lambda loss: None  # type: ignore[method-assign]
    for reward in torch.rand(config.buffer - 1, generator=noise).tolist():
        outcomes = strategy.propose()
        assert outcomes is not None
        strategy.observe(Observation(outcomes, (-reward,)))
    strategy.__dict__.pop("step", None)
    assert learn == strategy.learn
    return strategy


def observed(strategy: Ppo) -> None:
    """What the strategy does after a candidate, without drawing it."""
    strategy.open.append(strategy.open[0])
    strategy.observe(Observation(strategy.open[0].outcomes, (-0.5,)))


def slots_of(strategy: Ppo) -> Slots:
    mean = strategy.mean or 0.0
    return [
        (outcomes, log_prob, float(reward) - mean)
        for outcomes, log_prob, reward in zip(
            strategy.outcomes, strategy.log_probs, strategy.rewards, strict=True
        )
    ]


def prove_same(config: PpoConfig, domain: Domain) -> float:
    """The greatest difference of parameters after both took the steps of a candidate."""
    strategy = filled(config, domain, updates=False)
    plain = PlainPpo(strategy.controller, config)
    strategy.propose()
    number = strategy.learned
    strategy.observe(Observation(strategy.open[0].outcomes, (-0.5,)))
    order = torch.randperm(config.buffer, generator=strategy.generator("order 0", number)).tolist()
    plain.learn(slots_of(strategy), order)
    pairs = zip(plain.model.rnn.parameters(), strategy.controller.weights, strict=True)
    return max(float((one - other).detach().abs().max()) for one, other in pairs)


def main(rounds: int = 15) -> None:
    torch.set_num_threads(1)
    program = archdsl.load(SPECS / "template.arch")
    domain = Domain.of_graph(program.space().searched)
    term: Any = program.search().clauses.settings["strategy"]
    exact = PpoConfig(**term.settings)
    batched = PpoConfig(**{**term.settings, "update": "batched"})
    apart = prove_same(exact, domain)
    print(f"after a candidate the parameters of both differ by at most {apart:.1e}")
    assert apart < exact.lr, "they take other steps"

    one, other = filled(exact, domain, updates=False), filled(batched, domain, updates=False)
    for strategy in (one, other):
        strategy.propose()
    plain = PlainPpo(one.controller, exact)
    slots, noise = slots_of(one), torch.Generator().manual_seed(0)

    def released() -> None:
        plain.learn(slots, torch.randperm(BUFFER).tolist())

    def drawn_plainly() -> None:
        with torch.no_grad():
            for _ in range(PLAIN_GENOTYPES):
                plain.model()

    updates = {"plain": released, "exact": lambda: observed(one), "batched": lambda: observed(other)}
    candidate = in_turns(updates, rounds, warm=1)
    drawing = in_turns(
        {"plain": drawn_plainly, "ours": lambda: one.controller.sample(GENOTYPES, noise)}, rounds
    )
    share = GENOTYPES / PLAIN_GENOTYPES
    print(f"{GENOTYPES} genotypes: {1e3 * median(drawing['ours']):.1f} ms (target 20); "
          f"plain {1e3 * median(drawing['plain']) / PLAIN_GENOTYPES:.1f} ms each, "
          f"{share * ratio(drawing['plain'], drawing['ours']):.0f} times as long")  # fmt: skip
    for name, seconds in candidate.items():
        faster = ratio(candidate["plain"], seconds)
        print(f"a candidate, {name}: {1e3 * median(seconds):.1f} ms, {faster:.1f} times as fast as plain")
    save("controller", {"space": "template.arch", "difference after a candidate": apart,
                        f"s for {GENOTYPES} genotypes": drawing["ours"],
                        f"s for {PLAIN_GENOTYPES} genotypes, plain": drawing["plain"],
                        "s for a candidate, buffer of 100": candidate})  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
