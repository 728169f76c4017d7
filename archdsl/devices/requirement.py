"""Checks the requirements of a network on latency and frame rate by an estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archdsl.devices.estimate import Estimate
from archdsl.ir.expr import FUNCTIONS, Apply, Expr, Measure
from archdsl.passes.costs.cost import Total
from archdsl.program import Network


@dataclass(frozen=True)
class Judged:
    """A requirement (as text); whether it holds, or None if the table cannot decide it because of `why`."""

    text: str
    met: bool | None
    why: str = ""


def judge(network: Network, found: Estimate) -> tuple[Judged, ...]:
    """Checks the requirements of a network on `latency` or `rate` by an estimate of the network.

    Requirements for other devices remain undecided, and all do if the table lacks rows.
    """
    judged = []
    for requirement in network.bound.requirements:
        named = measures(requirement.condition)
        if not {"latency", "rate"} & {m.name for m in named}:
            continue
        devices = [str(v) for m in named for k, v in m.options if k == "device"]
        other = [d for d in devices if not same_device(d, found.device)]
        if found.missing:
            judged.append(Judged(requirement.text, None, "rows are missing"))
        elif other:
            judged.append(Judged(requirement.text, None, f"the table is for {found.device}"))
        else:
            judged.append(Judged(requirement.text, bool(_value(requirement.condition, network, found))))
    return tuple(judged)


def same_device(wanted: str, device: str) -> bool:
    """Whether a device name in a spec matches that of a table, as `gtx1080ti` matches `GTX 1080 Ti`."""
    short, full = ("".join(filter(str.isalnum, name.lower())) for name in (wanted, device))
    return bool(short) and short in full


def measures(value: Any) -> list[Measure]:
    """The measures of whole networks, such as latency, that a condition reads."""
    if isinstance(value, Measure):
        return [value]
    return [m for part in value.args for m in measures(part)] if isinstance(value, Apply) else []


def _value(value: Any, network: Network, found: Estimate) -> Any:
    if isinstance(value, Apply):
        return FUNCTIONS[value.fn](*(_value(part, network, found) for part in value.args))
    if not isinstance(value, Measure):
        if isinstance(value, Expr):
            raise ValueError(f"{value!r} depends on decisions in {network.name}")
        return value
    if value.name in ("latency", "rate"):
        return found.total_ms if value.name == "latency" else found.fps
    return getattr(Total()(network.graph), value.name)
