"""Writes statements as functions: a single function, or one per segment between cells.

A segment is the unit of recomputation for gradient checkpointing.
"""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.backends.supernet.statements import Code, Step


def whole(code: Code) -> str:
    """The source text of `forward(self, inputs…, m)`, which returns a tuple of the outputs."""
    lines = [line for step in code.steps for line in step.lines]
    return _function("forward", code.inputs, lines, code.results)


def in_segments(code: Code) -> str:
    """The source text of `forward` with a function for each segment, called through `checkpointed`.

    Only tensors that are passed between segments are stored for the backward pass.
    """
    segments = _segments(code.steps)
    needed = set(code.results)
    texts: list[str] = []
    calls: list[str] = []
    for number, segment in reversed(list(enumerate(segments))):
        statements = [step.statement for step in segment]
        made = dict.fromkeys(target for statement in statements for target in statement.targets)
        read = dict.fromkeys(name for statement in statements for name in statement.reads if name not in made)
        returned = [name for name in made if name in needed]
        gone = [name for name in read if name not in needed and name not in code.inputs]
        needed = (needed - set(made)) | set(read)
        lines = [line for step in segment for line in step.lines]
        texts.append(_function(f"_segment_{number}", tuple(read), lines, returned))
        layers = tuple(name for statement in statements for name in statement.layers)
        arguments = ", ".join((f"_segment_{number}", repr(layers), "self", *read, "m"))
        if gone:
            calls.append(f"del {', '.join(gone)}")
        calls.append(f"{', '.join(returned)}, = checkpointed({arguments})")
    return "\n".join([*texts, _function("forward", code.inputs, calls[::-1], code.results)])


def _segments(steps: Sequence[Step]) -> list[list[Step]]:
    """Splits steps into segments that begin where a cell begins; steps between two cells belong to the
    first.
    """
    segments: list[list[Step]] = [[]]
    current = None
    for step in steps:
        if step.statement.cell not in (None, current):
            current = step.statement.cell
            segments.append([])
        segments[-1].append(step)
    return [segment for segment in segments if segment]


def _function(name: str, arguments: Sequence[str], lines: Sequence[str], returned: Sequence[str]) -> str:
    head = f"def {name}({', '.join(('self', *arguments, 'm'))}):"
    return "\n    ".join([head, *lines, f"return ({', '.join(returned)},)\n"])
