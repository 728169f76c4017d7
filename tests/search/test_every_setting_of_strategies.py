"""Every setting of a strategy that proposes networks changes what it proposes.

Those of controllers are in test_controller.py and its neighbours.
"""

from __future__ import annotations

import pytest
from strategy_runs import Driver, made, small

from archdsl.configs.setting import Setting, settings_of
from archdsl.configs.strategies import StrategyKind
from archdsl.configs.words import GROUPS, STRATEGIES

HERE = ("random", "evolution", "nsga2", "hill_climb", "optuna", "successive_halving")
ANOTHER = {
    "over": "networks", "of": "hill_climb", "rungs": "[2, 5]", "population": "3", "tournament": "1",
    "mutation": "0.9", "offspring": "1", "crossover": "0.1", "draws": "2", "order": "random",
    "restart": "false", "keep": "2", "startup": "2", "candidates": "1", "multivariate": "true",
}  # fmt: skip
NEEDS = {
    **dict.fromkeys(("evolution", "nsga2", "nsga3"), "population = 4"),
    **dict.fromkeys(("tpe", "gp"), "startup = 4"),
}
"""Settings without which others have no effect within a few proposals."""
CASES = [(name, key) for name in HERE for key in STRATEGIES[name].settings if key != "sampler"]
OF_OPTUNA = [(name, key) for name, word in GROUPS["optuna_samplers"].items() for key in word.settings]


def proposed(text: str, count: int = 25) -> list:
    domain = small()
    return Driver(made(text, domain, 3), domain, 2).run(count)


def with_and_without(name: str, key: str) -> tuple[str, str]:
    """The strategy or the sampler with another value of a setting, and with the usual one."""
    needs = NEEDS.get(name, "") if key not in ("population", "startup") else ""
    with_it = ", ".join(filter(None, [needs, f"{key} = {ANOTHER[key]}"]))
    return f"{name}({with_it})", f"{name}({needs})" if needs else name


@pytest.mark.parametrize(("name", "key"), CASES)
def test_a_setting_changes_what_is_proposed(name: str, key: str):
    with_it, without = with_and_without(name, key)
    assert proposed(with_it, 60) != proposed(without, 60)


@pytest.mark.parametrize(("name", "key"), OF_OPTUNA)
def test_a_setting_of_a_sampler_of_optuna_changes_what_is_proposed(name: str, key: str):
    count = 4 if name == "gp" else 20  # a Gaussian process takes a second each time
    with_it, without = with_and_without(name, key)
    assert proposed(f"optuna(sampler = {with_it})", count) != proposed(f"optuna(sampler = {without})", count)


def test_each_sampler_of_optuna_has_its_class():
    domain = small()
    names = GROUPS["optuna_samplers"]
    found = [type(made(f"optuna(sampler = {name})", domain).study.sampler).__name__ for name in names]
    assert found == [
        "TPESampler",
        "GPSampler",
        "NSGAIISampler",
        "NSGAIIISampler",
        "QMCSampler",
        "RandomSampler",
    ]


def default(one: Setting) -> str:
    value = one.default
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize("name", HERE)
def test_the_defaults_that_are_listed_are_those_of_the_run(name: str):
    kind = STRATEGIES[name]
    assert isinstance(kind, StrategyKind)
    given = [
        f"{key} = {default(one)}" for key, one in settings_of(kind.config).items() if one.default is not None
    ]
    given += [f"{key} = {one.usual}" for key, one in kind.settings.items() if one.kind == "word"]
    assert proposed(f"{name}({', '.join(given)})") == proposed(name)
