"""Determines the settings of declarations: values from the caller or defaults, with type checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from operator import index
from typing import Any, cast, get_args

from archdsl.diagnostics import Source, SpecError, closest
from archdsl.lang import ast, parse
from archdsl.lang.loader import Unit
from archdsl.lang.source_files import shortened
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.sets import SET_BUDGET
from archdsl.spec.evaluate.sites import walk
from archdsl.spec.evaluate.values import (
    ListValue,
    RecordValue,
    SetValue,
    SpecValue,
    is_op,
    kind_of,
)
from archdsl.spec.units import UNITS, Quantity, quantity

_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?) ?([A-Za-z]{1,3})")
_ITEMS = 10  # shown of a list
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "bool": ((bool,), "true or false"),
    "int": ((int,), "an integer"),
    "float": ((int, float), "a number"),
    "str": ((str,), "a string"),
}


def input_names(declared: ast.Space | ast.Network) -> list[str]:
    """The names of the inputs, whose shapes can be overridden like settings."""
    return [s.name for s in declared.body.statements if isinstance(s, ast.Input)]


def split_settings(
    unit: Unit, declared: ast.Space | ast.Network, settings: dict[str, Any]
) -> tuple[dict[str, tuple[int, int, int]], dict[str, Any]]:
    """Splits settings from the caller into shapes of inputs and other settings. Raises SpecError for unknown
    names and invalid shapes.
    """
    names = {s.name: s for s in declared.signature.settings}
    shaped = input_names(declared)
    inputs: dict[str, tuple[int, int, int]] = {}
    parameters: dict[str, Any] = {}
    frame = Frame(unit)
    for name, value in settings.items():
        if name in names:
            found = value.item() if hasattr(value, "item") else value  # numpy's and torch's numbers
            parameters[name] = listed(found)
            continue
        if name not in shaped:
            known = [*names, *shaped]
            guess = closest(name, known)
            help = (f"did you mean `{guess}`? " if guess else "") + f"available settings: {', '.join(known)}"
            raise frame.error(
                "ARCH204",
                f"`{declared.name.id}` has no setting `{shortened(name)}`",
                declared.name,
                help=help,
            )
        shape = _shape(value)
        if len(shape) != 3 or not all(1 <= n <= 1_000_000 for n in shape):
            raise frame.error(
                "ARCH208", f"`{name}` must be a shape such as 3x360x480, got {shown(listed(value))}",
                declared.name,
            )  # fmt: skip
        inputs[name] = (shape[0], shape[1], shape[2])
    return inputs, parameters


def _shape(value: Any) -> tuple[int, ...]:
    """Channels, height and width, given as a sequence of integers or as text such as `3x360x480`."""
    if isinstance(value, str):
        return tuple(int(n) for n in value.split("x") if n.isdecimal() and len(n) < 10)
    try:
        return tuple(index(n) for n in value if not isinstance(n, bool))
    except TypeError:
        return ()


def settle(
    declared: ast.Space | ast.Network | ast.Search, given: Mapping[str, Any], frame: Frame,
    evaluate: Callable[[ast.Expr], Any],
) -> None:  # fmt: skip
    """Sets every setting of a declaration in the frame to the caller's value, or to its default.

    Raises SpecError: ARCH205 for a setting without a value, ARCH208 for a value of the wrong type.
    """
    for setting in declared.signature.settings:
        if setting.name not in given and setting.default is None:
            raise frame.error(
                "ARCH205", f"missing setting `{setting.name}` of `{declared.name.id}`", setting,
                help=f"give it a default, or set it: --set {setting.name}=…",
            )  # fmt: skip
        known = setting.type in _TYPES
        outside = setting.name in given
        default = None if setting.default is None or (outside and known) else evaluate(setting.default)
        value = _written(given[setting.name], default, evaluate) if outside else default
        kind = _fault(setting, value, default)
        if kind:
            raise frame.error(
                "ARCH208", f"`{setting.name}` must be {kind}, got {shown(value)}", setting,
                help=_form(kind, setting.name, declared),
            )  # fmt: skip
        if _items(value, {}) > SET_BUDGET:
            raise frame.error("ARCH712", f"a list with more than {SET_BUDGET:,} items", setting)
        frame.names[setting.name] = cast(SpecValue, value)


def _items(value: SpecValue | None, known: dict[int, int]) -> int:
    """The number of items of a list and the lists in it; shared lists count once for each use."""
    if not isinstance(value, ListValue):
        return 1
    if id(value) not in known:
        known[id(value)] = sum(_items(item, known) for item in value.items)
    return known[id(value)]


def _fault(setting: ast.Setting, value: SpecValue | None, default: SpecValue | None) -> str:
    """The accepted values of a setting in words, for messages, if `value` is of another type; "" if it is of
    the right one.
    """
    if setting.type == "op" or is_op(default):
        return "" if is_op(value) else "an op"
    wanted, kind = _TYPES.get(setting.type or "") or _of_default(default)
    right = isinstance(value, wanted) and isinstance(value, bool) == (bool in wanted)
    return kind if wanted and not right else ""


def _of_default(default: object) -> tuple[tuple[type, ...], str]:
    """The types that a setting accepts, inferred from its default (empty: any), and their description."""
    others = (
        ((ListValue, tuple), "a list"), ((SetValue,), "a set"), ((RecordValue,), "a record"),
        ((Quantity,), "a number with its unit"),
    )  # fmt: skip
    for types, words in (*_TYPES.values(), *others):
        if isinstance(default, types):
            return types, words
    return (), ""


def _form(kind: str, name: str, declared: ast.Space | ast.Network | ast.Search) -> str | None:
    """The help that says how to write a value of this type; None without such help.

    Ops and records can be given only in a file.
    """
    example = {"a list": "[8, 16]", "a set": "{3, 5}"}.get(kind)
    if example:
        return f"--set '{name}={example}'"
    inside = {"an op": "conv(k = 1)", "a record": "(c = 8, k = 3)"}.get(kind)
    if inside is None:
        return None
    if isinstance(declared, ast.Space):
        return f"write it in the file: network NAME from {declared.name.id}({name} = {inside}) {{…}}"
    return f"write it in the file, as the default: {name} = {inside}"


def _written(value: Any, default: Any, evaluate: Callable[[ast.Expr], Any]) -> Any:
    """Converts the caller's value of a setting to a value of the type of the default; if that is a list or a
    set, texts such as `[8, 16]` and `{3, 5}` are parsed.
    """
    if isinstance(value, str) and isinstance(default, ListValue | SetValue):
        written = _literal(value)
        return value if written is None else evaluate(written)
    if isinstance(value, ListValue) and isinstance(default, SetValue):  # a search writes both alike
        written = _literal(f"{{{', '.join(map(str, map(plain, value.items)))}}}")
        return value if written is None else evaluate(written)
    return _amount(value, default)


def _literal(text: str) -> ast.Expr | None:
    """Parses the text of a list or set without choices; None for any other text."""
    try:
        items = parse(Source("--set", f"arch 1\nx = {text}\n")).items
    except SpecError:
        return None
    found = items[0].value if len(items) == 1 and isinstance(items[0], ast.Constant) else None
    plain = isinstance(found, ast.List | ast.Set) and all(isinstance(n, _PLAIN) for n in walk(found))
    return found if plain else None


_PLAIN = (
    ast.List, ast.Set, ast.Candidate, ast.Range, ast.Number, ast.Quantity, ast.String, ast.Bool, ast.Name,
    ast.Unary, ast.Binary, ast.Call, ast.Named,
)  # fmt: skip


def _amount(value: Any, default: Any) -> Any:
    """Converts the caller's value of a setting; `7ms` is parsed if the default is a quantity of that
    dimension.
    """
    written = _QUANTITY.fullmatch(value) if isinstance(value, str) and isinstance(default, Quantity) else None
    if written is None or UNITS.get(written[2], ("",))[0] != default.dimension:
        return value
    return quantity(float(written[1]) if "." in written[1] else int(written[1]), written[2])


def shown(value: object) -> str:
    """A value in a message: shortened, and as written in the language."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 10**30:  # Python does not write integers of 5,000 digits
        return "an integer of more than 30 digits"
    if isinstance(value, ListValue):
        return f"[{_row(map(shown, value.items[:_ITEMS]), len(value.items))}]"
    if isinstance(value, SetValue):
        return f"{{{_row((m.label for m in value.members[:_ITEMS]), len(value.members))}}}"
    if isinstance(value, RecordValue):
        entries = (f"{name} = {shown(item)}" for name, item in [*value.entries.items()][:_ITEMS])
        return f"({_row(entries, len(value.entries))})"
    if isinstance(value, str | int | float | Quantity):
        return shortened(str(value))
    return (
        kind_of(cast(SpecValue, value)) if isinstance(value, get_args(SpecValue)) else shortened(repr(value))
    )


def _row(items: Iterable[str], count: int) -> str:
    return ", ".join(map(shortened, items)) + (", …" if count > _ITEMS else "")


def plain(value: Any) -> Any:
    """Converts a value of the language to a Python value: lists become tuples."""
    return tuple(map(plain, value.items)) if isinstance(value, ListValue) else value


def listed(value: Any) -> Any:
    """Converts a Python value to a value of the language: sequences become lists."""
    return ListValue(tuple(map(listed, value))) if isinstance(value, list | tuple) else value
