"""Formats which methods can search a space, as text and as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from archdsl.diagnostics import Diagnostic
from archdsl.ir import Graph
from archdsl.report.numbers import bytes_text, plural
from archdsl.search.searchability import Searchability, searchability

FLOAT32 = 4


def lines(graph: Graph) -> Iterator[str]:
    """Yields lines that say how the space of a graph can be searched."""
    found = searchability(graph)
    yield "how it can be searched:"
    yield f"  supernet of all candidates: {_params(found.candidates)}"
    yield f"  elastic weights: {_params(found.elastic)}"
    if isinstance(found.elastic, int):
        for what, paths in (("sampled", found.sampled), ("mixed", found.mixed)):
            names = f": {', '.join(_names(paths))}" if paths else ""
            yield f"    {plural(len(paths), 'decision')} {what}{names}"
    for sentence, strategies in _grouped(found).items():
        yield f"  {', '.join(strategies)}: {sentence}"
    yield ""


def data(graph: Graph) -> dict[str, Any]:
    """How the space of a graph can be searched, as JSON values."""
    found = searchability(graph)
    return {
        "share": found.share,
        "candidates": _json(found.candidates),
        "elastic": _json(found.elastic),
        "drawn": [
            {"path": path, "changes": f"{what} {name}"} for path, (what, name) in found.sampled.items()
        ],
        "mixed": list(found.mixed),
        "strategies": dict(found.strategies()),
    }


def _params(found: int | Diagnostic) -> str:
    if isinstance(found, Diagnostic):
        return f"not possible: {_why(found)} ({found.code})"
    return f"{plural(found, 'parameter')}, {bytes_text(found * FLOAT32)} in float32"


def _json(found: int | Diagnostic) -> dict[str, Any]:
    if isinstance(found, Diagnostic):
        return {"parameters": None, "bytes": None, "code": found.code, "why": _why(found)}
    return {"parameters": found, "bytes": found * FLOAT32, "code": None, "why": None}


def _why(found: Diagnostic) -> str:
    """The reason in a headline: its part after the last `: `, without `no supernet: `."""
    return found.headline.rpartition(": ")[2]


def _names(paths: Iterable[str]) -> list[str]:
    """Decision paths without the subscripts of iterations, each once."""
    return list(dict.fromkeys(re.sub(r"\[[^\]]*\]", "", path) for path in paths))


def _grouped(found: Searchability) -> dict[str, list[str]]:
    """The strategies that can search the space, grouped by the sentence that describes how."""
    grouped: dict[str, list[str]] = {}
    for name, sentence in found.strategies():
        grouped.setdefault(sentence, []).append(name)
    return grouped
