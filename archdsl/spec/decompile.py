"""Writes a graph as source text: a network as decisions in its space, or in full."""

from __future__ import annotations

import re
from collections.abc import Mapping

from archdsl import ops
from archdsl.diagnostics import Source
from archdsl.ir import Graph, Mux, Node
from archdsl.ir.graph import outcome_labels
from archdsl.lang import format_source
from archdsl.lang.machine import NAME
from archdsl.lang.parser import language
from archdsl.passes.analyses.shapes import FixedShape, Shapes
from archdsl.spec.conditions import condition_source

_LABEL = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(\.[A-Za-z0-9_]+)*(\[(?P<subscripts>[^\[\]]*)\])?\Z")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?\Z")
_SUBSCRIPTS = re.compile(r"\[([^\[\]]*|\{[^{}]*\})\](?=[.\[]|\Z)|\[(.*)\](?=[.\[]|\Z)", re.DOTALL)
"""The text in brackets in a path, if possible without brackets inside it."""
_ROUND = re.compile(r"(?P<round>.*\])\.(?P<name>[^\[\]]+)\Z", re.DOTALL)


def rows_text(graph: Graph, source: str, settings: Mapping[str, object] | None = None) -> str:
    """The text of a file with `network … from …`, in which each stage iteration has a row.

    `source` is the import path of the space; `settings` are the settings of the space that are not its
    defaults.
    """
    rows: dict[str, list[str]] = {}
    for path, outcome in graph.chosen.items():
        found = _ROUND.match(path)
        if found is None or found["name"][0].isdigit():  # the name of an entry must be an identifier
            rows[path] = []
        else:
            rows.setdefault(found["round"], []).append(f"{found['name']} = {outcome_source(outcome)}")
    lines = []
    for path, entries in rows.items():
        outcome = f"({', '.join(entries)})" if entries else outcome_source(graph.chosen[path])
        lines.append(f"  {path_source(path)} = {outcome}")
    origin = graph.origin or ""
    given = ", ".join(f"{k} = {setting_source(v)}" for k, v in (settings or {}).items())
    path = source if source.startswith(("./", "std/")) else f"./{source}"
    text = f'arch 1\n\nimport {origin} from "{path}"\n\n'
    text += (
        f"network {graph.name} from {origin}{f'({given})' if given else ''} {{\n" + "\n".join(lines) + "\n}\n"
    )
    return format_source(Source("found", text))


def outcome_source(outcome: str) -> str:
    """An outcome as source text; in quotes if it is not a plain label."""
    if outcome.startswith("{") and outcome.endswith("}"):
        return "{" + ", ".join(outcome_source(part) for part in outcome_labels(outcome)) + "}"
    if _is_plain(outcome) or outcome in ("true", "false"):
        return outcome
    found = _LABEL.match(outcome)
    plain = (
        found
        and _is_plain(found["name"])
        and (found["subscripts"] is None or _are_plain(found["subscripts"]))
    )
    return outcome if plain else _string(outcome)


def path_source(path: str) -> str:
    """The path of a decision as source text; subscripts that are not plain words or numbers are quoted."""

    def written(found: re.Match[str]) -> str:
        inside = found[1] if found[1] is not None else found[2]
        return f"[{inside if _are_plain(inside) else _string(inside)}]"

    return _SUBSCRIPTS.sub(written, path)


def _are_plain(subscripts: str) -> bool:
    return all(map(_is_plain, subscripts.split(", ")))


def _is_plain(text: str) -> bool:
    """Whether a text that is written without quotes is a word or number, and read as the same text."""
    if _NUMBER.match(text):
        return text == str(float(text) if "." in text or "e" in text else int(text))
    return NAME.match(text) is not None and text not in language().keywords


def setting_source(value: object) -> str:
    """A constant as source text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(setting_source(v) for v in value) + "]"
    return _string(value) if isinstance(value, str) else repr(value)


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


# ---------------------------------------------------------------- written out


def written_out(graph: Graph) -> str:
    """The text of a self-contained file with the network in full, primitive by primitive.

    Raises ValueError for a graph with decisions.
    """
    if not graph.is_fixed:
        raise ValueError(f"{graph.name} has decisions; bind them first")
    names = _names(graph)
    # Before any definition, which may shadow `params` or `macs`.
    wanted = [r.condition for r in graph.requirements if r.condition is not True]
    lines = [f"  require {condition_source(condition)}" for condition in wanted]
    lines += [f"  input {names[i]}: [{c}, {h}, {w}]" for i, (c, h, w) in graph.inputs.items()]
    inline = _inline(graph, names)
    shapes = Shapes()(graph)
    weights: dict[str, list[str]] = {}
    for name, node in graph.nodes.items():
        assert not isinstance(node, Mux)
        if name in inline:
            lines.append(f"  {_output(graph, name)} = {_application(node, names, shapes)}")
        else:
            lines.append(f"  {names[name]} = {_application(node, names, shapes)}")
        weights.setdefault(node.weights, []).append(names[name])
    lines += [f"  tie {', '.join(tied)}" for tied in weights.values() if len(tied) > 1]
    lines += [
        f"  {_output(graph, out)} = {names[node]}" for out, node in graph.outputs.items() if out not in inline
    ]
    text = f"arch 1\n\nnetwork {graph.name} {{\n" + "\n".join(lines) + "\n}\n"
    return format_source(Source("found", text))


def _inline(graph: Graph, names: Mapping[str, str]) -> frozenset[str]:
    """The outputs that can be declared at their node; empty if this would change the order of the outputs."""
    own = [name for name in graph.nodes if graph.outputs.get(name) == name and names[name] == name]
    written = [*own, *(out for out in graph.outputs if out not in own)]
    in_order = sorted(written, key=lambda out: out in graph.train_only)
    return frozenset(own if in_order == list(graph.outputs) else ())


def _output(graph: Graph, name: str) -> str:
    return f"output {name} train" if name in graph.train_only else f"output {name}"


def _names(graph: Graph) -> dict[str, str]:
    """An identifier for each input and node; names that are identifiers are kept.

    The name of an output is reserved for its node.
    """
    taken: set[str] = {*language().keywords, *ops.primitives(), *graph.outputs}
    names: dict[str, str] = {}
    for name in (*graph.inputs, *graph.nodes):
        if graph.outputs.get(name) == name and NAME.match(name) and name in graph.nodes:
            names[name] = name
            continue
        plain = name if NAME.match(name) else re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
        if not plain or not NAME.match(plain):
            plain = f"n_{plain}"
        unique, n = plain, 2
        while unique in taken:
            unique, n = f"{plain}_{n}", n + 1
        taken.add(unique)
        names[name] = unique
    return names


def _application(node: Node, names: Mapping[str, str], shapes: Mapping[str, FixedShape]) -> str:
    primitive = ops.get(node.op)
    count = primitive.tensors(len(node.inputs))
    attrs = primitive.declared([shapes[i] for i in node.inputs], node.attrs)
    parts = [names[i] for i in node.inputs[:count]]
    for setting in primitive.settings:
        value = attrs.get(setting.name)
        if value is not None and (value != setting.default or type(value) is not type(setting.default)):
            parts.append(f"{setting.name} = {setting_source(value)}")
    likes = zip(primitive.tensor_settings, node.inputs[count:], strict=False)
    parts += [f"{setting} = {names[source]}" for setting, source in likes]
    return f"{node.op}({', '.join(parts)})"
