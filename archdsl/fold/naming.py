"""Names of ops and tensors in a folded file."""

from __future__ import annotations

import re
from itertools import chain, count

from archdsl import ops
from archdsl.fold.bodies import Body
from archdsl.lang.machine import NAME

_LONGEST_NAME = 28


def op_name(body: Body) -> str:
    """The name of an op: that of the class or op that it was made from, else the joined names of its
    primitives, or `block` if these are too long.
    """
    if body.label:
        return plain(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", body.label).lower())
    parts = [step.callee if isinstance(step.callee, str) else step.callee.name for step in body.steps]
    short = "_".join(parts)
    return short if len(short) <= _LONGEST_NAME else "block"


def variable(path: str, within: str) -> str:
    """A name for a tensor, from the last parts of its path within a block."""
    own = path.removeprefix(within).strip(".") or path
    parts = [part for part in re.split(r"[.\[\]@, ]+", own) if part and not _is_primitive(part)]
    while within and parts and parts[-1].isdigit():
        parts.pop()
    found = ""
    for part in reversed(parts):
        longer = f"{part}_{found}" if found else part
        if len(longer) > _LONGEST_NAME or (found and not found[0].isdigit()):
            break
        found = longer
    return plain(found or "y")


def plain(name: str) -> str:
    """A name in which all characters that names cannot contain are replaced."""
    word = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    return word if NAME.match(word) else f"y_{word}" if word else "y"


def free(name: str, taken: set[str]) -> str:
    """The name, with a number if it is in `taken`, to which the result is added."""
    found = next(n for n in chain([name], (f"{name}_{k}" for k in count(2))) if n not in taken)
    taken.add(found)
    return found


def _is_primitive(word: str) -> bool:
    return word.rstrip("0123456789").rstrip("_") in ops.primitives()
