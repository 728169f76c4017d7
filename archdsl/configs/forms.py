"""Forms of structured values of settings, such as [height, width], with a description and a check."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

Colour = tuple[int, int, int]


class Form(NamedTuple):
    """A form of values: its description in messages, a check, and the conversion to the value in a config."""

    description: str
    accepts: Callable[[Any], bool]
    reads: Callable[[Any], Any] | None = None


def colour_of(word: str) -> Colour:
    """Parses a colour written `#rrggbb`."""
    return int(word[1:3], 16), int(word[3:5], 16), int(word[5:7], 16)


def _as_several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _number(value: Any) -> bool:
    return type(value) in (int, float)


def _many(of: Callable[[Any], bool], count: int | None = None) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, tuple) and count in (None, len(value)) and bool(value) and all(map(of, value))
    )


def _text(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _positive(value: Any) -> bool:
    return _number(value) and 1e-9 <= value <= 1e9


def _sample(value: Any) -> bool:
    return value == "none" or _whole(0, 2**16 - 1)(value)


_side, _label = _whole(1, 2**14), _whole(0, 255)
_labels = _many(_label)
_PART = r"\w[\w-]*"


def _is_share(value: Any) -> bool:
    return _number(value) and 0 < value < 1


SIDES = Form("[height, width], each from 1 to 16,384", _many(_side, 2))
SCENE = Form("[height, width], each from 32 to 4,096", _many(_whole(32, 2**12), 2))
RESIZE = Form(
    "the length of the longer side, or [height, width], each from 1 to 16,384",
    lambda value: _side(value) or SIDES.accepts(value),
)
SCALE = Form(
    "[minimum, maximum], both > 0",
    lambda value: _many(lambda one: _number(one) and one > 0, 2)(value) and value[0] <= value[1],
)
SHARE = Form("a number > 0 and < 1", _is_share)
SHARES = Form("a list of numbers >= 0 and <= 1", _many(lambda one: _number(one) and 0 <= one <= 1))
SPLIT = Form("a number > 0 and < 1, or the name of a split", lambda v: _is_share(v) or _text(_PART)(v))
PARTS = Form("split names joined by `+`", _text(rf"{_PART}(\+{_PART})*"))
RUNGS = Form(
    "a list of increasing integers from 1 to 1,000,000",
    lambda value: _many(_whole(1, 10**6))(value) and all(a < b for a, b in pairwise(value)),
)
COUNTS = Form("a list of integers from 1 to 1,000,000", _many(_whole(1, 10**6)))
ROWS = Form("a list of lists of integers", _many(_many(lambda value: type(value) is int)))
NAMES = Form("a list of strings", _many(lambda value: isinstance(value, str)))
GROUPED_NAMES = Form(
    "a list of names, and of lists of names",
    _many(lambda value: isinstance(value, str) or NAMES.accepts(value)),
)
MAPS = Form(
    'a list of names of lower-case letters, digits and underscores, other than labels and edges: ["depth"]',
    lambda value: (
        _many(_text(r"[a-z][a-z0-9_]{0,63}"))(value) and len({*value, "labels", "edges"}) == len(value) + 2
    ),
)
ONE_SCALE = Form("a number > 0", _positive)
ONE_UNKNOWN = Form(
    "an integer from 0 to 65,535, or none", _sample, lambda value: None if value == "none" else value
)


def _one_each(one: Form, description: str) -> Form:
    return Form(description, lambda value: one.accepts(value) or _many(one.accepts)(value), _as_several)


MAP_SCALE = _one_each(ONE_SCALE, "a number > 0, or a list of one for each map of one channel")
MAP_UNKNOWN = _one_each(
    ONE_UNKNOWN, 'an integer from 0 to 65,535, "none", or a list of one for each map of one channel'
)
MAP_CHANNELS = _one_each(
    Form("1, 3 or 4", lambda value: type(value) is int and value in (1, 3, 4)),
    "1, 3, 4, or a list of one for each map",
)
MAP_MEAN = Form(
    "a number, a list of one for each channel, or a list of such lists, one for each map",
    lambda value: _number(value) or _many(_number)(value) or _many(_many(_number))(value),
    lambda value: (
        value if isinstance(value, tuple) and isinstance(value[0], tuple) else (_as_several(value),)
    ),
)
MAP_STD = Form(
    "a number > 0, a list of one for each channel, or a list of such lists, one for each map",
    lambda value: _positive(value) or _many(_positive)(value) or _many(_many(_positive))(value),
    MAP_MEAN.reads,
)
SCORES = Form(
    'a list of names of lower-case letters, digits and underscores: ["energy"]',
    lambda value: _many(_text(r"[a-z][a-z0-9_]{0,63}"))(value) and len(set(value)) == len(value),
)
IGNORED = Form(
    "an integer from 0 to 255, or a list of them",
    lambda value: _label(value) or value == () or _labels(value),
    _as_several,
)
LABELS = Form(
    "a list with, for each class, an integer from 0 to 255 or a list of them",
    lambda value: _label(value) or _many(lambda one: _label(one) or _labels(one))(value),
    lambda value: tuple(map(_as_several, _as_several(value))),
)
COLOURS = Form(
    'a list of colours such as ["#804080", "#f423e8"]',
    _many(lambda one: _text("#[0-9a-fA-F]{6}")(one) or _many(_label, 3)(one)),
    lambda value: tuple(colour_of(one) if isinstance(one, str) else one for one in value),
)
CLASS_WEIGHTS = Form(
    '"inverse-log", "inverse-log:1.10", "median", or a list of numbers',
    lambda value: (
        _text(r"median|inverse-log(:\d+(\.\d+)?)?|[\d.eE-]+(,[\d.eE-]+)+")(value)
        or _many(lambda one: _number(one) and one >= 0)(value)
    ),
)
