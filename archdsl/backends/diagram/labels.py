"""Writes the labels of boxes: ops with their settings, decisions with their candidates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from textwrap import wrap

from archdsl import ops
from archdsl.backends.diagram import paths
from archdsl.backends.diagram.atoms import Atom
from archdsl.ir.expr import Expr, Scalar, by_axis, decisions_in
from archdsl.ir.graph import Decision, Graph, Mux, Node
from archdsl.ir.text import value_text

LINE = 26  # characters
MOST_NAMED = 10_000
LONGEST = 60


def short(text: str, width: int = LONGEST) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def is_joining(graph: Graph, atom: Atom) -> bool:
    """Whether an atom is a sum, a product or a concatenation: a primitive with any number of inputs."""
    node = graph.nodes[atom.last]
    return isinstance(node, Node) and ops.get(node.op).arity != (1, 1)


def op_title(graph: Graph, atom: Atom) -> str:
    """The declared name of an op, with kernel, dilation and stride if they are not the defaults."""
    nodes = [n for n in map(graph.nodes.get, atom.nodes) if isinstance(n, Node)]
    declared = atom.kind == "op"
    name = graph.instances[atom.path].declared if declared else ops.get(nodes[-1].op).title(nodes[-1].attrs)
    return " ".join([short(name, 24), *_settings(nodes)])


def _settings(nodes: Sequence[Node]) -> list[str]:
    shown = []
    for key in "kds":
        given = [n.attrs[key] for n in nodes if key in n.attrs]
        numbers = [v for v in given if isinstance(v, int | tuple)]
        if len(numbers) < len(given):
            shown.append(f"{key}…")
            continue
        rows, columns = max(map(by_axis, numbers), key=prod, default=(1, 1))
        if rows != columns:
            shown.append(f"{key}{rows}×{columns}")
        elif rows > 1:
            shown.append(f"{key}{rows}")
    return shown


def settings_taken(graph: Graph, atom: Atom, frame: str) -> tuple[str, ...]:
    """The settings that depend on decisions, with the names of these decisions, such as `c by width`."""
    by: dict[str, dict[str, None]] = {}
    for node in map(graph.nodes.get, atom.nodes):
        for key, value in node.attrs.items() if isinstance(node, Node) else ():
            for path in sorted(decisions_in(value)):
                by.setdefault(key, {})[path] = None
    return tuple(f"{key} by {_one_or_number(list(found), frame)}" for key, found in by.items())


def _one_or_number(decisions: Sequence[str], frame: str) -> str:
    return decision_title(decisions[0], frame) if len(decisions) == 1 else f"{len(decisions)} decisions"


def decision_title(path: str, frame: str) -> str:
    """The name of a decision without the path prefix of the enclosing frame."""
    while not paths.below(path, frame):
        frame = "".join(paths.ancestors(frame)[-1:])
    return short(paths.within(path, frame), 32)


def outcomes(decision: Decision, keys: Sequence[Scalar]) -> list[str]:
    """The labels of the outcomes with the indices `keys`; instead of labels, indices such as `#12` if the
    decision has more than MOST_NAMED outcomes.
    """
    if decision.size > MOST_NAMED:
        return [f"#{key}" for key in keys]
    return [decision.outcomes[key] for key in keys if isinstance(key, int)]


def candidates(decision: Decision) -> tuple[str, ...]:
    """The candidates of a decision, several per line."""
    count = f"{decision.count} of: " if decision.count > 1 else ""
    return wrapped(count + dotted(decision.candidates), 6)


def dotted(names: Iterable[str]) -> str:
    """Names separated by dots, wrapped only after a dot."""
    return "\u00a0· ".join(name.replace(" ", "\u00a0") for name in names)


def taken(decisions: Sequence[str], frame: str) -> str:
    """A short list of decisions, by name for those inside the box `frame`, else by path without indices.

    Decisions with equal paths are counted. More than two decisions with a common prefix are written as
    `prefix (count)`.
    """
    own: dict[str, list[str]] = {}
    others: dict[str, int] = {}
    for path in decisions:
        title = decision_title(path, frame)
        prefix = paths.family(title.rpartition(".")[0])
        if paths.below(path, frame):
            own.setdefault(prefix, []).append(title)
        else:
            others[prefix or title] = others.get(prefix or title, 0) + 1
    shown = []
    for prefix, titles in own.items():
        shown += [f"{prefix} ({len(titles)})"] if prefix and len(titles) > 2 else titles
    shown += [f"{name} ({count})" if count > 1 else name for name, count in others.items()]
    return dotted(shown)


def wrapped(text: str, most: int) -> tuple[str, ...]:
    lines = wrap(text, LINE, break_long_words=True) or [text]
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1] + " …"]
    return tuple(line.replace("\u00a0", " ") for line in lines)


def condition_title(mux: Mux) -> str:
    """The label of a mux that a value selects: the decisions on which the value depends."""
    value = mux.on
    found = sorted(decisions_in(value)) if isinstance(value, Expr) else []
    if not found:
        return "by size"
    return f"by {found[0]}" if len(found) == 1 else f"by {len(found)} decisions"


def condition_tip(mux: Mux) -> str:
    return short(value_text(mux.on), 400)
