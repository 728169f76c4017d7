"""How far a controller gets in 60 trials, by strategy and learning rate.

    python benchmarks/controller_rates.py [SEEDS]

Effects of outcomes are drawn at random and add up, with noise of 0.4 standard deviations of random networks.
What counts is the mean objective of the last 20 networks, in these standard deviations above random ones.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable

from measure import one_thread, save

one_thread()

from archdsl.configs.controllers import Ppo as PpoConfig  # noqa: E402
from archdsl.configs.controllers import Reinforce as ReinforceConfig  # noqa: E402
from archdsl.search.strategies.base import Observation, Outcomes  # noqa: E402
from archdsl.search.strategies.controller.ppo import Ppo  # noqa: E402
from archdsl.search.strategies.controller.reinforce import Reinforce  # noqa: E402
from archdsl.search.trials.domain import Domain  # noqa: E402
from archdsl.spec.search_values import Term  # noqa: E402

SIZES = (2, 2, 3, 4, 2, 6, 6, 2, 3, 3, 3, 4, 2, 4, 4, 3, 4)
TRIALS, NOISE = 60, 0.4
CONTROLLER = Term("lstm", {"hidden": 50, "layers": 1})
REINFORCE = [{"lr": lr} for lr in (1e-3, 3e-3, 1e-2, 3e-2)]
PPO = [
    *[{"update": "batched", "lr": lr} for lr in (3e-3, 1e-2, 3e-2)],
    {"update": "batched", "lr": 3e-3, "epochs": 10, "buffer": 20},
    {"lr": 1e-4}, {"lr": 1e-3, "buffer": 20}, {"lr": 1e-3, "buffer": 10},
]  # fmt: skip


def effects(seed: int) -> Callable[[Outcomes], float]:
    """An objective: standard deviations above the mean of random networks."""
    rng = random.Random(seed)
    of = [[rng.gauss(0, 1) * rng.choice((0.2, 1, 1)) for _ in range(size)] for size in SIZES]
    mean = sum(map(statistics.fmean, of))
    spread = sum(map(statistics.pvariance, of)) ** 0.5
    return lambda outcomes: (sum(of[n][o] for n, o in enumerate(outcomes)) - mean) / spread


def last_third(strategy: Reinforce | Ppo, seed: int) -> float:
    objective, noise, found = effects(seed), random.Random(seed + 100), []
    for _ in range(TRIALS):
        outcomes = strategy.propose()
        assert outcomes is not None
        found.append(objective(outcomes))
        strategy.observe(Observation(outcomes, (-found[-1] - NOISE * noise.gauss(0, 1),)))
    return statistics.fmean(found[-TRIALS // 3 :])


def main(seeds: int = 6) -> None:
    figures = []
    for kind, config, settings in (
        *((Reinforce, ReinforceConfig, one) for one in REINFORCE), *((Ppo, PpoConfig, one) for one in PPO)
    ):  # fmt: skip
        start, domain = time.process_time(), Domain.of_sizes(SIZES)
        written = config(controller=CONTROLLER, **settings)  # type: ignore[arg-type]
        found = [last_third(kind(written, domain, seed), seed) for seed in range(seeds)]  # type: ignore[arg-type]
        seconds = (time.process_time() - start) / seeds
        name = f"{kind.__name__.lower()}({', '.join(f'{key} = {one}' for key, one in settings.items())})"
        print(f"{name}: {statistics.fmean(found):.2f} (least {min(found):.2f}), {seconds:.1f} s", flush=True)
        figures.append({"strategy": name, "last third": found, "cpu s": seconds})
    save("controller_rates", {"trials": TRIALS, "noise": NOISE, "sizes": SIZES, "figures": figures})


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
