"""Costs of the networks of a space as JSON values, text, and an HTML page.

Keys with a leading underscore are for the page only.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from archdsl.report.numbers import count_data, counted, digits, plural, thousands
from archdsl.report.text_tables import table

if TYPE_CHECKING:
    from archdsl.passes.costs.extremes import Extreme
    from archdsl.passes.costs.space_cost import SpaceCost
    from archdsl.program import Space

_SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_NAMES = {"params": "parameters", "macs": "MACs"}
_BAR = 40


def of_space(space: Space, samples: int | None, seed: int, train_outputs: bool = False) -> dict[str, Any]:
    """The costs of the networks of a space as JSON values: extremes, mean and quantiles.

    The mean is the expectation under uniform decisions.
    """
    from archdsl.passes.analyses.networks import Networks
    from archdsl.passes.costs.pricing import MACS, PARAMS
    from archdsl.passes.costs.space_cost import SpaceCost

    graph = space.graph if train_outputs else space.searched
    networks = Networks(graph)
    cost = SpaceCost(graph)
    count = samples or cost.samples((PARAMS, MACS))
    why_not = cost.why_no_tables(PARAMS) or cost.why_no_tables(MACS)
    found: dict[str, Any] = {
        "space": space.name,
        "decisions": len(graph.decisions),
        "size": digits(graph.size),
        **count_data(networks.count),
        "samples": count,
        "seed": seed,
        "closed_form": why_not is None,
    }
    if why_not is not None:
        found["why_not"] = why_not
    sampled = {}
    prices = (PARAMS, MACS)
    for price, values in zip(prices, cost.sampled(prices, count, seed), strict=True):
        sampled[price.name] = values
        least = partial(cost.sample, int(values.argmin()), count, seed)
        most = partial(cost.sample, int(values.argmax()), count, seed)
        found[price.name] = {
            "least": _extreme(cost, cost.extreme(price, "least", least)),
            "most": _extreme(cost, cost.extreme(price, "most", most)),
            **_prices(cost, price, sorted(values.tolist())),
        }
    found["_counted"] = counted(networks.count)
    found["_params"], found["_macs"] = sampled["params"].tolist(), sampled["macs"].tolist()
    return found


def _prices(cost: SpaceCost, price: Any, values: list[float]) -> dict[str, Any]:
    def at(share: float) -> float:
        return values[min(len(values) - 1, int(share * len(values)))]

    return {
        "expected": _expected(cost, price),
        "sampled_mean": sum(values) / len(values),
        "quantiles": {f"{share:g}": at(share) for share in _SHARES},
    }


def _expected(cost: SpaceCost, price: Any) -> float | None:
    from archdsl.passes.analyses.closed_form import Entangled

    try:
        return cost.expected(price).of()
    except Entangled:
        return None


def _extreme(cost: SpaceCost, found: Extreme) -> dict[str, Any]:
    return {
        "value": int(found.price),
        "exact": found.exact,
        "bound": None if found.bound is None else int(found.bound),
        "decisions": cost.decisions(found.outcomes),
    }


def space_text(found: dict[str, Any]) -> str:
    """Extremes, means, quantiles, a histogram of MACs, and the networks of the extremes, as text."""
    lines = [f"{found['space']}: {plural(found['decisions'], 'decision')}, {found['_counted']}", ""]
    if not found["closed_form"]:
        lines += [
            f"No closed form ({found['why_not']}): minimum and maximum are the best",
            "found, not proved, and the mean is over random networks.",
            "",
        ]
    lines += [table(("", "parameters", "MACs"), _space_rows(found), numeric=(1, 2))]
    lines += [f"MACs of {found['samples']:,} random networks", *_histogram(found["_macs"]), ""]
    for which in ("least", "most"):
        for name, label in _NAMES.items():
            extreme = found[name][which]
            lines += [f"{which} {label}: {_value(extreme)}", *_decisions(extreme["decisions"]), ""]
    return "\n".join(lines)


def _space_rows(found: dict[str, Any]) -> list[list[str]]:
    both = [found["params"], found["macs"]]
    rows = [["least", *(_value(p["least"]) for p in both)]]
    rows += [
        [f"{float(share):.0%} have less than", *(thousands(round(p["quantiles"][share])) for p in both)]
        for share in both[0]["quantiles"]
    ]
    rows += [["most", *(_value(p["most"]) for p in both)]]
    if both[0]["expected"] is not None:
        rows.append(["mean, uniform decisions", *(thousands(round(p["expected"])) for p in both)])
    rows.append(["mean of random networks", *(thousands(round(p["sampled_mean"])) for p in both)])
    return rows


def _value(extreme: dict[str, Any]) -> str:
    text: str = thousands(extreme["value"])
    if extreme["exact"]:
        return text
    bound = extreme["bound"]
    return f"{text} found" + (f", bound {thousands(bound)}" if bound is not None else ", no bound")


def _decisions(decisions: dict[str, str]) -> list[str]:
    """Decisions as lines of text."""
    if not decisions:
        return []
    lines, line = [], " "
    for path, outcome in decisions.items():
        part = f" {path} = {outcome},"
        if len(line) + len(part) > 100:
            lines.append(line)
            line = " "
        line += part
    return [*lines, line.rstrip(",")]


def _histogram(values: list[float]) -> list[str]:
    from archdsl.report.charts import binned, short

    edges, counts = binned(values, 16)
    most = max(counts)
    return [
        f"{short(low):>6} to {short(high):<6} {'#' * round(_BAR * count / most)} {count:,}"
        for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]


def space_page(found: dict[str, Any]) -> str:
    """An HTML page with histograms, parameters against MACs with their Pareto front, and the table of
    costs.
    """
    from archdsl.report.charts import Point, histogram, scatter
    from archdsl.report.sheet import section, sheet

    charts = []
    for name, label in _NAMES.items():
        marks = [(which, float(found[name][which]["value"])) for which in ("least", "most")]
        if found[name]["expected"] is not None:
            marks.insert(1, ("expected", found[name]["expected"]))
        charts.append(
            histogram(
                found[f"_{name}"], title=f"{label} of {found['samples']:,} random networks",
                x_label=f"{label} per image", marks=marks,
            )
        )  # fmt: skip
    both = list(zip(found["_params"], found["_macs"], strict=True))
    front = _front(both)
    points = [Point(x, y) for x, y in both[:2000]] + [Point(x, y, strong=True) for x, y in front]
    title = "Parameters against MACs of random networks; red: the Pareto front"
    charts.append(scatter(points, title=title, x_label="parameters", y_label="MACs", path=front))
    text = [f"{plural(found['decisions'], 'decision')}, {found['_counted']}."]
    if not found["closed_form"]:
        text.append(
            f"No closed form ({found['why_not']}): minimum and maximum are the best found, not proved."
        )
    rows = [
        [f"{which} {label}", _value(found[name][which]), "; ".join(_pairs(found[name][which]["decisions"]))]
        for which in ("least", "most")
        for name, label in _NAMES.items()
    ]
    return sheet(
        f"Cost of the networks of {found['space']}",
        (),
        [
            section("Distribution", text=text, charts=charts),
            section("Figures", head=("", "parameters", "MACs"), rows=_space_rows(found)),
            section("Extreme networks", head=("which", "value", "decisions"), rows=rows),
        ],
    )


def _pairs(decisions: dict[str, str]) -> list[str]:
    return [f"{path} = {outcome}" for path, outcome in decisions.items()]


def _front(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The Pareto-optimal points (x, y), where lower is better, by ascending x."""
    front: list[tuple[float, float]] = []
    for x, y in sorted(set(points)):
        if not front or y < front[-1][1]:
            front.append((x, y))
    return front
