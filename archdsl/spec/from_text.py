"""Parses the values of settings that are given on the command line or as Python strings."""

from __future__ import annotations

import re
from typing import Any

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?")
_SHAPE = re.compile(r"[0-9]{1,18}(x[0-9]{1,18}){1,8}")
_LIST = re.compile(r"\[[^\[\]{}\",]+(,[^\[\]{}\",]+)*\]")
_WORDS = {"true": True, "false": False}


def parse_value(text: str) -> Any:
    """Parses the value of a setting from text.

    Accepted are an integer, a decimal, true or false, a shape such as 3x360x480, and a list such as [8, 16];
    any other text is returned unchanged.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _SHAPE.fullmatch(text):
        return tuple(int(n) for n in text.split("x"))
    if _LIST.fullmatch(text):
        return tuple(parse_value(item.strip()) for item in text[1:-1].split(","))
    return text
