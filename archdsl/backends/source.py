"""A network as readable Python source that needs nothing but torch."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from archdsl import ops
from archdsl.backends.naming import plain_text
from archdsl.backends.straightline import Straightline, lower, methods
from archdsl.ir.graph import Graph
from archdsl.ops.base import Layer
from archdsl.passes.costs.cost import costs, total

WITHOUT_WEIGHTS = "Weights: none here; PyTorch draws random ones when the class is made."


def emit(graph: Graph, notes: Sequence[str] = ()) -> str:
    """The text of a Python module with one class, the network (a graph without decisions).

    `notes` are lines for its docstring.  Its layers have the names of those of the compiled module, so
    that either loads the other's state_dict, and it computes the same.  Raises SpecError where the network
    is not well-typed.
    """
    code = lower(graph)
    parts = [
        f'"""{_origin(graph, notes)}\n"""\n',
        "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n",
    ]
    parts += [f"\n{text}\n" for text in _own_classes(layer for _, layer in code.layers)]
    parts.append("\n" + _class(graph, code))
    return "\n".join(parts)


def _origin(graph: Graph, notes: Sequence[str]) -> str:
    lines = [f"{graph.name}, written out by archdsl.", ""]
    if graph.origin:
        lines.append(f"Space: {graph.origin}")
    if graph.settings:
        lines.append("Settings: " + ", ".join(f"{k} = {_said(v)}" for k, v in graph.settings.items()))
    lines += [f"Decision: {path} = {outcome}" for path, outcome in graph.chosen.items()]
    lines += notes
    return "\n".join(plain_text(line) for line in lines).rstrip()


def _said(value: object) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, (tuple, list)) else str(value)


def _class(graph: Graph, code: Straightline) -> str:
    macs = total(costs(graph).values()).macs
    inputs = ", ".join(
        f"{variable} (N × {c} × H × W, declared {h} × {w})"
        for variable, (c, h, w) in zip(code.inputs, graph.inputs.values(), strict=True)
    )
    lines = [
        f"class {code.name}(nn.Module):",
        f'    """Input: {inputs}.',
        "",
        f"    {code.params:,} parameters; {macs:,} multiply-accumulates per image of the declared size.",
        '    """',
        "",
        "    def __init__(self):",
        "        super().__init__()",
    ]
    lines += [f"        self.{attribute} = {_constructor(layer)}" for attribute, layer in code.layers]
    return "\n".join(lines) + "\n\n" + methods(code, readable=True)


def _constructor(layer: Layer) -> str:
    values = [v if isinstance(v, (bool, int, float)) else str(v) for v in layer.kwargs.values()]
    arguments = [
        repr(value) if at < layer.positional else f"{name}={value!r}"
        for at, (name, value) in enumerate(zip(layer.kwargs, values, strict=True))
    ]
    where = "" if layer.cls in _own_sources() else "nn."
    return f"{where}{layer.cls}({', '.join(arguments)})"


def _own_classes(layers: Iterable[Layer]) -> list[str]:
    """The texts of the classes that torch lacks, in the order of their first use."""
    sources = _own_sources()
    return [sources[name] for name in dict.fromkeys(layer.cls for layer in layers) if name in sources]


@cache
def _own_sources() -> dict[str, str]:
    """The classes of `archdsl.ops.layers` as text; read, not imported, for importing them needs torch."""
    text = (Path(ops.__file__).parent / "layers.py").read_text(encoding="utf-8")
    classes = (node for node in ast.parse(text).body if isinstance(node, ast.ClassDef))
    return {c.name: ast.get_source_segment(text, c) or "" for c in classes}
