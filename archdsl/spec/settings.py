"""Settings of declarations: overrides from the caller, defaults, and type checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from operator import index
from typing import Any, cast

from archdsl.diagnostics import Source, SpecError, closest
from archdsl.lang import ast, parse
from archdsl.lang.loader import Unit
from archdsl.spec.evaluate.frame import Frame
from archdsl.spec.evaluate.sites import walk
from archdsl.spec.evaluate.values import ListValue, SetValue, SpecValue
from archdsl.spec.units import UNITS, Quantity, quantity

_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?) ?([A-Za-z]{1,3})")
_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "bool": ((bool,), "true or false"),
    "int": ((int,), "an integer"),
    "float": ((int, float), "a number"),
    "str": ((str,), "a string"),
}


def input_names(declared: ast.Space | ast.Network) -> list[str]:
    """Names of the inputs, whose shapes are set like settings."""
    return [s.name for s in declared.body.statements if isinstance(s, ast.Input)]


def split_settings(
    unit: Unit, declared: ast.Space | ast.Network, settings: dict[str, Any]
) -> tuple[dict[str, tuple[int, int, int]], dict[str, Any]]:
    """Splits settings from the caller into input shapes and parameters."""
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
                "ARCH204", f"`{declared.name.id}` has no setting `{name}`", declared.name, help=help
            )
        shape = _shape(value)
        if len(shape) != 3 or not all(1 <= n <= 1_000_000 for n in shape):
            raise frame.error(
                "ARCH208", f"`{name}` must be a shape such as 3x360x480, got {value}", declared.name
            )
        inputs[name] = (shape[0], shape[1], shape[2])
    return inputs, parameters


def _shape(value: Any) -> tuple[int, ...]:
    """Channels, height and width, from a sequence of integers or `3x360x480`."""
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
    """Binds every setting in a frame to the caller's value, or its default.

    Raises SpecError: ARCH205 for a setting without either, ARCH208 for a value of the wrong type.
    """
    for setting in declared.signature.settings:
        if setting.name not in given and setting.default is None:
            raise frame.error(
                "ARCH205", f"missing setting `{setting.name}` of `{declared.name.id}`", setting,
                help=f"give it a default, or set it: --set {setting.name}=…",
            )  # fmt: skip
        known = _TYPES.get(setting.type or "")
        outside = setting.name in given
        default = None if setting.default is None or (outside and known) else evaluate(setting.default)
        value = _written(given[setting.name], default, evaluate) if outside else default
        wanted, kind = known or _of_default(default)
        right = isinstance(value, wanted) and isinstance(value, bool) == (bool in wanted)
        if wanted and not right:
            example = {"a list": "[8, 16]", "a set": "{3, 5}"}.get(kind)
            raise frame.error(
                "ARCH208", f"`{setting.name}` must be {kind}, got {plain(value)}", setting,
                help=f"--set '{setting.name}={example}'" if example else None,
            )  # fmt: skip
        frame.names[setting.name] = cast(SpecValue, value)


def _of_default(default: Any) -> tuple[tuple[type, ...], str]:
    """The value types inferred from a default (empty: any), and their description."""
    others = (((ListValue, tuple), "a list"), ((SetValue,), "a set"), ((Quantity,), "a number with its unit"))
    for types, words in (*_TYPES.values(), *others):
        if isinstance(default, types):
            return types, words
    return (), ""


def _written(value: Any, default: Any, evaluate: Callable[[ast.Expr], Any]) -> Any:
    """The caller's value of a setting; the strings `[8, 16]` and `{3, 5}` are parsed."""
    if isinstance(value, str) and isinstance(default, ListValue | SetValue):
        written = _literal(value)
        return value if written is None else evaluate(written)
    if isinstance(value, ListValue) and isinstance(default, SetValue):  # a search writes both alike
        written = _literal(f"{{{', '.join(map(str, map(plain, value.items)))}}}")
        return value if written is None else evaluate(written)
    return _amount(value, default)


def _literal(text: str) -> ast.Expr | None:
    """Parses a list or set literal without choices; None for any other text."""
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
    """The caller's value of a setting; `7ms` is parsed where the default is a quantity of the same
    dimension.
    """
    written = _QUANTITY.fullmatch(value) if isinstance(value, str) and isinstance(default, Quantity) else None
    if written is None or UNITS.get(written[2], ("",))[0] != default.dimension:
        return value
    return quantity(float(written[1]) if "." in written[1] else int(written[1]), written[2])


def plain(value: Any) -> Any:
    """A language value as a Python value: lists become tuples."""
    return tuple(map(plain, value.items)) if isinstance(value, ListValue) else value


def listed(value: Any) -> Any:
    """A Python value as a language value: sequences become lists."""
    return ListValue(tuple(map(listed, value))) if isinstance(value, list | tuple) else value
