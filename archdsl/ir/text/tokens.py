"""Tokens of the text form of graphs: names, numbers and strings, and limits on them.

A name is written without quotes if it looks like a path, `body[3].n1.1` or `widths[1, 8].w`; any other name
is a JSON string. A comment extends from `#` to the end of the line.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache

from archdsl.ir.graph import Decision

MAX_CHARS = 64_000_000  # some 500,000 nodes; less where values over decisions are long
MAX_DEPTH = 128  # of brackets; a reader that recurses must stop before Python does
MAX_TERMS = 1_000  # of one `a + b + …`: it nests to the left
MAX_DIGITS = 400
MAX_NAMED_OUTCOMES = 10_000  # beyond, an outcome is written by its number

INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "floordiv": "//", "mod": "%",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "and": "and", "or": "or",
}  # fmt: skip
FUNCTION_OF = {sign: fn for fn, sign in INFIX.items()}
NODE_WORDS = {"mux", "switch"}  # a primitive with such a name is quoted

_BARE = r"[A-Za-z_]\w*(?:\.\w+|\[-?\w+(?:,[ ]-?\w+)*\])*"
COUNT = re.compile(r"0|[1-9]\d*", re.ASCII)
_PLAIN_NAME = re.compile(rf"{_BARE}|{COUNT.pattern}", re.ASCII)

TOKEN = re.compile(
    rf"""[ \t\r\n]+|\#[^\n]*
    |(?P<string>"(?:[^"\\\n]|\\.)*")
    |(?P<name>{_BARE})
    |(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)
    |(?P<sign>//|==|!=|<=|[-+*/%<@!?=;:,(){{}}\[\]])""",
    re.ASCII | re.VERBOSE,
)


def quoted(text: str) -> str:
    """A JSON string with non-printable characters escaped."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


@lru_cache(maxsize=1 << 16)
def name_text(name: str) -> str:
    """A name as written in the text form: plain if it looks like a path, otherwise a JSON string."""
    return name if _PLAIN_NAME.fullmatch(name) else quoted(name)


def has_named_outcomes(decision: Decision) -> bool:
    """Whether outcomes of a decision are written by name; if there are too many, by index."""
    if decision.count == 1:
        return True
    few = 0 < decision.count <= len(decision.candidates) <= MAX_NAMED_OUTCOMES
    return few and decision.size <= MAX_NAMED_OUTCOMES
