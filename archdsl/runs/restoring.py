"""Validates the state of a checkpoint before a run is resumed: names, types, shapes and finite numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from archdsl.runs.unfit import Unfit

_KEPT = {
    torch.optim.SGD: {"momentum_buffer"},
    torch.optim.Adam: {"step", "exp_avg", "exp_avg_sq"},
}
"""The names of the state that each optimizer keeps for a parameter."""


def part(state: Mapping[str, Any], name: str, kind: type, *, least: float = -math.inf) -> Any:
    """The value `name` of a state.

    Raises Unfit if it is missing, has another type than `kind`, or is < `least`.
    """
    if name not in state:
        raise Unfit(f"it has no `{name}`")
    value = state[name]
    if type(value) is not kind:
        raise Unfit(f"`{name}` must be of type {kind.__name__}, got {type(value).__name__}")
    if isinstance(value, int | float) and not least <= value < math.inf:
        raise Unfit(f"`{name}` must be at least {least}, got {value}")
    return value


def like(state: Mapping[str, Any], name: str, wanted: Any) -> Any:
    """The value `name` of a state.

    Raises Unfit unless it has the nested names, types and tensor shapes of `wanted`, and finite numbers.
    """
    if name not in state:
        raise Unfit(f"it has no `{name}`")
    _demand_like(state[name], wanted, name)
    return state[name]


def optimiser_state(state: Mapping[str, Any], name: str, of: torch.optim.Optimizer) -> dict[str, Any]:
    """The recorded state of an optimizer, for `of.load_state_dict`; settings such as rates are those of `of`.

    Raises Unfit if the state does not fit the parameters of `of`.
    """
    groups = of.state_dict()["param_groups"]
    params = [p for group in of.param_groups for p in group["params"]]
    kept = part(part(state, name, dict), "state", dict)
    for n, entry in kept.items():
        where = f"{name}, parameter {n}"
        if type(n) is not int or not 0 <= n < len(params) or type(entry) is not dict:
            raise Unfit(f"{where}: unknown parameter")
        if entry.keys() != _KEPT[type(of)]:
            raise Unfit(f"{where}: unexpected state {', '.join(map(str, entry)) or 'nothing'}")
        for key, value in entry.items():
            wanted = torch.zeros(()) if key == "step" else params[n].detach()
            _demand_tensor(
                value, wanted, f"{where}, {key}", finite=False
            )  # a mean of squares may be infinite
    return {"state": kept, "param_groups": groups}


def _demand_like(value: Any, wanted: Any, where: str) -> None:
    if isinstance(wanted, torch.Tensor):
        _demand_tensor(value, wanted, where)
    elif type(value) is not type(wanted):
        raise Unfit(f"`{where}` must be of type {type(wanted).__name__}, got {type(value).__name__}")
    elif isinstance(wanted, float) and not math.isfinite(value):
        raise Unfit(f"`{where}` is not finite")
    elif isinstance(wanted, dict):
        for key in {**wanted, **value}:
            if key not in value:
                raise Unfit(f"it has no `{where}.{key}`")
            if key not in wanted:
                raise Unfit(f"it has `{where}.{key}`, which this run does not have")
            _demand_like(value[key], wanted[key], f"{where}.{key}")


def _demand_tensor(value: Any, wanted: torch.Tensor, where: str, finite: bool = True) -> None:
    if not isinstance(value, torch.Tensor):
        raise Unfit(f"`{where}` must be a tensor, got {type(value).__name__}")
    if value.shape != wanted.shape or value.dtype != wanted.dtype:
        found, needed = ((tuple(t.shape), str(t.dtype)) for t in (value, wanted))
        raise Unfit(f"`{where}` must be {needed}, got {found}")
    if value.is_floating_point() and bool((~value.isfinite() if finite else value.isnan()).any()):
        raise Unfit(f"`{where}` is not finite")
