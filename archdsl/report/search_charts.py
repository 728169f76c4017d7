"""Charts of a search run, as HTML figures with captions; epochs are counted from 1."""

from __future__ import annotations

from collections.abc import Sequence, Set
from math import log
from statistics import fmean

from archdsl.report.curves import Curve, Points, curves
from archdsl.report.journey import Stop, journey
from archdsl.report.records import Epoch, Start
from archdsl.report.run import Run
from archdsl.report.score_charts import names_of_scores, points_of, score_figure
from archdsl.report.sheet import figure

_COSTS = {"macs": "MACs", "flops": "FLOPs", "params": "parameters", "latency_ms": "latency"}
_UNITS = {"latency_ms": ", ms"}


def loss_figure(run: Run) -> str:
    """A chart of the objective and the task loss by step: the values of all steps (faint), and the mean of
    each epoch.
    """
    steps = run.steps()
    rows = [
        _behind("objective", [(s.step, s.loss) for s in steps], 0),
        _behind("task loss", [(s.step, s.task) for s in steps if s.task is not None], 1),
        Curve("objective", list(run.means(lambda s: s.loss).values()), 0, dots=True),
        Curve("task loss", list(run.means(lambda s: s.task).values()), 1, dots=True),
    ]
    title = "Loss"
    text = "Steps (faint) and epoch means.  The objective adds costs to the task loss."
    return figure(title, curves(rows, title=title, x_label="step", y_label="loss", summary=text), text)


def _behind(name: str, points: Points, colour: int) -> Curve:
    return Curve(name, points, colour, faint=True, named=False)


def score_figures(run: Run) -> list[str]:
    """A chart for each output: its main score, for the networks derived after epochs and the final one."""
    epochs, ends = run.epochs(), [run.end] if run.end is not None else []
    text = "Of the network derived after each epoch, with weights of the supernet."
    made = []
    for name in names_of_scores([*epochs, *ends]):
        rows = [Curve(name, points_of(epochs, lambda e: e.step, name), colour=2, dots=True)]
        if epochs:
            rows.append(Curve("found", points_of(ends, lambda _: epochs[-1].step, name), colour=1))
        made.append(score_figure(name, rows, text))
    return made


def depth_figure(run: Run) -> str:
    """A chart of chosen and expected depths by epoch (AutoRTNet, arXiv:2003.14226, Fig. 5).

    "" if the space has none.
    """
    start, epochs = run.last(Start), run.epochs()
    if start is None or not start.gates:
        return ""
    rows = []
    every = [depth for gate in start.gates for depth in depths(start, gate)]
    for n, gate in enumerate(start.gates):
        name = gate.rpartition(".")[0] or gate
        expected = [(e.epoch + 1, expected_depth(start, gate, e)) for e in epochs if gate in e.probabilities]
        chosen = [(e.epoch + 1, e.found.gates[gate]) for e in epochs if gate in e.found.gates]
        shift = 2.4 * (n - (len(start.gates) - 1) / 2)
        rows.append(Curve(name, chosen, n, step=True, shift=shift))
        rows.append(Curve(name, expected, n, dashed=True, named=False))
    title = "Depth"
    text = "Iterations of the derived network (steps), and expected (dashed)."
    if (first := run.manifest.settings.get("gates_from", 0)) and isinstance(first, int):
        text += f" Searched from epoch {first + 1} on."
    chart = curves(
        rows,
        title=title,
        x_label="epoch",
        y_label="depth, iterations",
        summary=text,
        low=min(every, default=1),
        high=max(every, default=1),
        whole=True,
    )
    return figure(title, chart, text)


def depths(start: Start, gate: str) -> list[int]:
    """The number of iterations that each outcome of a depth decision (gate) keeps.

    For older journals, which do not record it, the numbers in the labels of the outcomes, or 1, 2, ….
    """
    outcomes = start.decisions.get(gate, [])
    if len(start.rounds.get(gate, [])) == len(outcomes):
        return start.rounds[gate]
    return [int(o) if o.isdecimal() else n for n, o in enumerate(outcomes, 1)]


def expected_depth(start: Start, gate: str, epoch: Epoch) -> float:
    return sum(d * p for d, p in zip(depths(start, gate), epoch.probabilities[gate], strict=False))


def journey_figures(run: Run) -> list[str]:
    """A chart for each cost: its expectation against the task loss, a point for each epoch."""
    epochs, tasks = run.epochs(), run.means(lambda s: s.task)
    names = dict.fromkeys(name for e in epochs for name in e.expected)
    made = []
    for name in sorted(names, key=lambda n: "latency" not in n):
        stops = [
            Stop(e.expected[name], tasks[e.epoch][1], e.epoch + 1)
            for e in epochs
            if name in e.expected and e.epoch in tasks
        ]
        cost = f"expected {_COSTS.get(name, name)}"
        title = f"{_capital(cost)} against task loss"
        text = "A point for each epoch; lower left is better."
        x_label = cost + _UNITS.get(name, "")
        chart = journey(stops, title=title, x_label=x_label, y_label="task loss", summary=text)
        made.append(figure(title, chart, text))
    return made


def cost_figures(run: Run) -> list[str]:
    """A chart for each cost by epoch: its expectation, and the cost of the derived network."""
    epochs = run.epochs()
    names = dict.fromkeys(name for e in epochs for name in e.expected)
    made = []
    for name in sorted(names, key=lambda n: "latency" not in n):
        found = [(e.epoch + 1, getattr(e.found, name, None)) for e in epochs]
        rows = [
            Curve("found", [(x, float(y)) for x, y in found if y is not None], colour=0, step=True),
            Curve("expected", [(e.epoch + 1, e.expected[name]) for e in epochs if name in e.expected],
                  colour=0, dashed=True),
        ]  # fmt: skip
        cost = _COSTS.get(name, name)
        title = f"{_capital(cost)} over time"
        text = "Of the derived network (steps), and expected (dashed)."
        y_label = cost + _UNITS.get(name, "")
        chart = curves(rows, title=title, x_label="epoch", y_label=y_label, summary=text)
        made.append(figure(title, chart, text))
    return made


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def entropy_figure(run: Run) -> str:
    """A chart of normalized entropies: each decision (faint), and means over depth and other decisions."""
    start, epochs = run.last(Start), run.epochs()
    if start is None:
        return ""
    gates = set(start.gates)
    rows = [_behind(path, _entropies(epochs, {path}), int(path in gates)) for path in start.decisions] + [
        Curve("depths", _entropies(epochs, gates), 1),
        Curve("all others" if gates else "mean", _entropies(epochs, start.decisions.keys() - gates), 0),
    ]
    title = "Entropy of the decisions"
    text = "1: uniform; 0: decided. Each decision (faint), and means."
    chart = curves(
        rows, title=title, x_label="epoch", y_label="normalized entropy", summary=text, low=0, high=1
    )
    return figure(title, chart, text)


def _entropies(epochs: Sequence[Epoch], paths: Set[str]) -> Points:
    """The mean normalized entropy of the decisions `paths` after each epoch, as points."""
    found = [
        (e.epoch + 1, [entropy(p) for path, p in e.probabilities.items() if path in paths]) for e in epochs
    ]
    return [(epoch, fmean(values)) for epoch, values in found if values]


def entropy(probabilities: Sequence[float]) -> float:
    """The entropy of a distribution divided by its maximum: 0 for one certain outcome, 1 for uniform."""
    if len(probabilities) < 2:
        return 0.0
    total = sum(probabilities) or 1.0
    shares = [p / total for p in probabilities if p > 0]
    return max(0.0, -sum(p * log(p) for p in shares) / log(len(probabilities)))


def rate_figure(run: Run) -> str:
    """A chart of the learning rate of the weights by step; "" if it was not recorded."""
    points = [(s.step, s.lr) for s in run.steps() if s.lr is not None]
    if not points:
        return ""
    title = "Learning rate"
    text = "Of the weights' optimizer."
    rows = [Curve("", points, 4, named=False)]
    chart = curves(rows, title=title, x_label="step", y_label="learning rate", summary=text, low=0.0)
    return figure(title, chart, text)


def weight_figures(run: Run) -> list[str]:
    """A chart for each adaptive weight of the objective (`window`), by epoch."""
    epochs = run.epochs()
    made = []
    for name in dict.fromkeys(name for e in epochs for name in e.weights):
        points = [(e.epoch + 1, e.weights[name]) for e in epochs if name in e.weights]
        title = "Adaptive weight of the objective"
        text = f"{name}: halved or doubled after an epoch by the cost of the derived networks."
        rows = [Curve("", points, 2, step=True, dots=True, named=False)]
        chart = curves(rows, title=title, x_label="epoch", y_label="weight", summary=text, low=0.0)
        made.append(figure(title, chart, text))
    return made


def temperature_figure(run: Run) -> str:
    points = [(e.epoch + 1, e.tau) for e in run.epochs() if e.tau is not None]
    if not points:
        return ""
    title = "Temperature of the sampler"
    text = "High: outcomes are mixed. Low: nearly one-hot."
    rows = [Curve("", points, 3, dots=True, named=False)]
    chart = curves(rows, title=title, x_label="epoch", y_label="temperature", summary=text, low=0.0)
    return figure(title, chart, text)
