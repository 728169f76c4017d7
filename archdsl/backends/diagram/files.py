"""Renders drawings to files: by Graphviz if available, otherwise as SVG by the built-in layout.

Graphviz is the `dot` program, or the copy in the wheel of pygraphviz. Both run in a separate process, so that
a layout that takes too long can be terminated.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zlib
from importlib.util import find_spec
from pathlib import Path

from archdsl.atomic import write_bytes
from archdsl.backends.diagram.dot import Dot, to_dot
from archdsl.backends.diagram.model import Drawing
from archdsl.backends.diagram.svg import to_svg
from archdsl.diagnostics import Diagnostic, SpecError

_IHDR_END = 33
"""The number of bytes of a PNG up to the end of its header chunk (IHDR)."""
FORMATS = ("svg", "png", "pdf", "dot")
TIMEOUT_S = 10.0
MOST_EDGES = 1_000
"""The maximum number of edges for Graphviz, which takes minutes for more; they would also cover the page."""
DPI = {"png": "144"}
INSTALL = "install Graphviz (https://graphviz.org), or the extra: pip install 'archdsl[viz]'"

_PYGRAPHVIZ = """
import sys, pygraphviz
graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
if sys.argv[2]:
    graph.graph_attr["dpi"] = sys.argv[2]
sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog="dot"))
"""


def render(drawing: Drawing | Dot, path: str | Path) -> None:
    """Writes a drawing to a file; the suffix (.svg, .png, .pdf, .dot) selects the format.

    Raises SpecError: ARCH860 if the format is not available, ARCH861 if Graphviz fails.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        known = ", ".join(f".{f}" for f in FORMATS)
        raise SpecError(
            [Diagnostic("ARCH860", f"unknown image format `{path.suffix}`", help=f"available: {known}")]
        )
    write_bytes(path, picture(drawing, kind))


def picture(drawing: Drawing | Dot, kind: str) -> bytes:
    """A drawing as the bytes of an SVG, PNG, PDF or DOT file."""
    dot = to_dot(drawing) if isinstance(drawing, Drawing) else drawing
    if kind == "dot":
        return dot.encode("utf-8")
    command = graphviz(kind)
    crowded = len(dot.drawing.edges) > MOST_EDGES
    if kind == "svg":
        made = None if command is None or crowded else _run(command, dot)
        return made or f"{to_svg(dot.drawing)}<!-- archdsl -->\n".encode()
    if command is None:
        raise SpecError(
            [Diagnostic("ARCH860", f"Graphviz, needed for {kind.upper()}, is not installed", help=INSTALL)]
        )
    made = None if crowded else _run(command, dot)
    if made is None:
        why = (
            f"it has {len(dot.drawing.edges):,} edges, and more than {MOST_EDGES:,} take too long"
            if crowded
            else f"it failed, or took more than {TIMEOUT_S:g} s"
        )
        headline = f"Graphviz did not render this diagram to {kind.upper()}: {why}"
        help = "write an .svg, or draw less detail"
        raise SpecError([Diagnostic("ARCH861", headline, help=help)])
    return _signed(made, kind)


def _signed(made: bytes, kind: str) -> bytes:
    """A PNG or PDF with this software recorded as producer; Graphviz records its own name, or none."""
    if kind == "pdf":
        return made + b"%archdsl\n"  # a comment after the end
    chunk = b"tEXtSoftware\0archdsl"
    numbers = (number.to_bytes(4, "big") for number in (len(chunk) - 4, zlib.crc32(chunk)))
    return made[:_IHDR_END] + chunk.join(numbers) + made[_IHDR_END:]


def graphviz(kind: str) -> list[str] | None:
    """The command that converts DOT to an image; None if Graphviz is not installed."""
    dpi = DPI.get(kind, "")
    if program := shutil.which("dot"):
        return [program, f"-T{kind}", *([f"-Gdpi={dpi}"] if dpi else [])]
    if _has_pygraphviz():
        return [sys.executable, "-c", _PYGRAPHVIZ, kind, dpi]
    return None


def _has_pygraphviz() -> bool:
    try:
        return find_spec("pygraphviz") is not None
    except (ImportError, ValueError):  # what finders and broken installations raise
        return False


def _run(command: list[str], dot: str) -> bytes | None:
    """The output of a command for this input; None if the command fails or times out."""
    try:
        done = subprocess.run(command, input=dot.encode("utf-8"), capture_output=True, timeout=TIMEOUT_S)
    except (subprocess.TimeoutExpired, OSError):
        return None
    return done.stdout if done.returncode == 0 and done.stdout else None
