"""Formats diagnostics as text for people: headline, place, source line, carets, notes.

error[ARCH105]: `+` after a chain
 --> specs/sum.arch:4:27
  |
4 |   return x -> conv(k = 3) + x -> conv(k = 5)
  |                           ^
  = help: put each chain in parentheses: (x -> f) + (y -> g)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from archdsl.diagnostics import Diagnostic, Label
from archdsl.render.excerpt import Mark, excerpt, lines_of
from archdsl.render.terminal import PLAIN, Palette, clean

_ROUNDS_SHOWN = 10


def render(diagnostics: Iterable[Diagnostic], *, colors: Palette = PLAIN, width: int = 120) -> str:
    """Formats diagnostics, separated by empty lines; ends with a line break."""
    return "".join("\n".join(_one(d, colors, width)) + "\n\n" for d in diagnostics).removesuffix("\n")


def count(diagnostics: Sequence[Diagnostic]) -> str:
    """The numbers of diagnostics by severity, such as `2 errors, 1 warning`; empty if there are none."""
    parts = []
    for severity in ("error", "warning", "note"):
        n = sum(d.severity == severity for d in diagnostics)
        if n:
            parts.append(f"{n} {severity}{'s' if n > 1 else ''}")
    return ", ".join(parts)


def _one(d: Diagnostic, colors: Palette, width: int) -> Iterator[str]:
    headline = clean(d.headline).replace("\n", " ")
    yield colors.paint(d.severity, f"{d.severity}[{d.code}]") + colors.paint("strong", f": {headline}")
    marks = _marks(d)
    gutter = max((len(str(lines_of(m.location)[1])) for m in marks), default=1)
    if marks:
        yield from _places(marks, gutter, width, colors)
    for text in _notes(d, width - gutter):
        head, *rest = clean(text).split("\n")
        name, colon, body = head.partition(": ")
        kept = colors.paint("strong", name + colon) + body if name in ("decisions", "help") else head
        yield f"{' ' * gutter} {colors.paint('frame', '=')} {kept}"
        yield from (f"{' ' * gutter}   {line}" for line in rest)


def _marks(d: Diagnostic) -> list[Mark]:
    if d.primary is None:
        return [Mark(label, "frame", "-") for label in d.secondary]
    return [Mark(d.primary, d.severity, "^"), *(Mark(label, "frame", "-") for label in d.secondary)]


def _places(marks: Sequence[Mark], gutter: int, width: int, colors: Palette) -> Iterator[str]:
    """Yields the excerpts of a diagnostic by source, beginning with the source of the primary label."""
    order: dict[int, int] = {}
    for m in marks:
        order.setdefault(id(m.location.source), len(order))

    def rank(m: Mark) -> int:
        return order[id(m.location.source)]

    for n, group in groupby(sorted(marks, key=rank), key=rank):
        of_source = list(group)
        arrow = colors.paint("frame", ":::" if n else "-->")
        yield f"{' ' * gutter}{arrow} {clean(str(of_source[0].location))}"
        yield from excerpt(of_source, gutter, max(20, width - gutter - 3), colors)


def _notes(d: Diagnostic, width: int) -> Iterator[str]:
    trace = [_step(label) for label in reversed(d.trace)]
    yield from trace[:_ROUNDS_SHOWN]
    if len(trace) > _ROUNDS_SHOWN:
        yield f"… {len(trace) - _ROUNDS_SHOWN} more"
    if d.witness:
        yield "decisions: " + _wrapped([f"{path} = {outcome}" for path, outcome in d.witness], width)
    if d.help:
        yield "help: " + d.help.replace("\n", "\n      ")
    elif d.fix:
        yield f"help: {d.fix.title}"


def _step(label: Label) -> str:
    """A line of the backtrace: the construct that was being evaluated, and its location."""
    return f"{label.text} ({label.location})" if label.text else f"called from {label.location}"


def _wrapped(items: Sequence[str], width: int) -> str:
    indent = len("decisions: ")
    lines, used = [""], indent
    for n, item in enumerate(items):
        piece = item if n + 1 == len(items) else item + ", "
        if lines[-1] and used + len(piece) > width:
            lines[-1] = lines[-1].rstrip()
            lines.append(" " * indent)
            used = indent
        lines[-1] += piece
        used += len(piece)
    return "\n".join(lines)
