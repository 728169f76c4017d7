"""Infers the settings of ops: what differs between applications, expressed by as few numbers as possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from archdsl import ops
from archdsl.fold.bodies import Body, Parameter, Step, same
from archdsl.ir.expr import Pick
from archdsl.spec.decompile import setting_source

INPUTS = ("x", "y", "z", "u", "v", "w")
"""The names of an op's inputs, if it has at most six."""


def input_names(count: int) -> list[str]:
    return list(INPUTS[:count]) if count <= len(INPUTS) else [f"x{n}" for n in range(1, count + 1)]


def infer(body: Body, taken: frozenset[str]) -> list[dict[str, str]]:
    """The settings of each step as text, without defaults; also adds parameters to the block.

    The parameters of the ops that the block applies must have been inferred. `taken` are names that no
    parameter may have.
    """
    return _Inference(body, taken).run()


class _Inference:
    def __init__(self, body: Body, taken: frozenset[str]):
        self.body = body
        self.inputs = input_names(body.inputs)
        self.taken = {*taken, *self.inputs}
        self.is_op = bool(body.name)

    def run(self) -> list[dict[str, str]]:
        texts = []
        for step in self.body.steps:
            primitive = ops.get(step.callee) if isinstance(step.callee, str) else None
            own = {}
            for name, kind, values, usual in _slots(step):
                if usual is not None and all(map(_equal, values, usual)):
                    continue
                positional = primitive is None or name in step.values
                if positional:
                    own[name] = self._text(name, kind, values)
            texts.append(own)
        for parameter in self.body.parameters:
            self._give_default(parameter)
        return texts

    def _text(self, name: str, kind: str, values: list[Any]) -> str:
        if same(values) and (not isinstance(values[0], Pick) or not self.is_op):
            return _source(values[0])
        base = name.rstrip("0123456789")
        if base == "c":
            for source, channels in zip(self.inputs, self.body.channels, strict=True):
                if found := _multiple(values, channels, f"{source}.c"):
                    return found
        for parameter in self.body.parameters:
            if parameter.of == base and list(map(type, values)) == list(map(type, parameter.values)):
                if values == parameter.values:
                    return parameter.name
                if base == "c" and (found := _multiple(values, parameter.values, parameter.name)):
                    return found
        own = self._free(base)
        self.body.parameters.append(Parameter(own, base, kind, values))
        return own

    def _free(self, base: str) -> str:
        name, number = base, 2
        while name in self.taken:
            name, number = f"{base}{number}", number + 1
        self.taken.add(name)
        return name

    def _give_default(self, parameter: Parameter) -> None:
        """Sets the default of a parameter that most applications share: the channels of the first input, or a
        constant.

        Without such a default, the parameter is required.
        """
        values = parameter.values
        if parameter.of == "c" and self.body.channels:
            channels = self.body.channels[0]
            if 2 * sum(map(_equal, values, channels)) >= len(values):
                parameter.default, parameter.usual = f"{self.inputs[0]}.c", list(channels)
                return
        (value, times), *_ = Counter((type(v).__name__, v) for v in values).most_common(1)
        if 2 * times > len(values) and not isinstance(value[1], Pick):
            parameter.default, parameter.usual = setting_source(value[1]), [value[1]] * len(values)


def _slots(step: Step) -> list[tuple[str, str, list[Any], list[Any] | None]]:
    """The settings of a step, as tuples (name, kind, values, defaults), with a value and a default for each
    application.

    The defaults are None for a setting without default.
    """
    if isinstance(step.callee, Body):
        found = []
        for p in step.callee.parameters:
            usual = [p.usual[n] for n in step.which] if p.default is not None else None
            found.append((p.name, p.kind, [p.values[n] for n in step.which], usual))
        return found
    settings = {setting.name: setting for setting in ops.get(step.callee).settings}
    slots: list[tuple[str, str, list[Any], list[Any] | None]] = []
    for name, values in step.values.items():
        default = settings[name].default
        usual = None
        if callable(default):
            usual = [default(sizes) for sizes in step.sizes]
        elif default is not None:
            usual = [default] * len(values)
        slots.append((name, settings[name].kind, values, usual))
    return slots


def _source(value: Any) -> str:
    """A constant as source text; for a number that depends on a decision, the name of the decision."""
    return value.decision if isinstance(value, Pick) else setting_source(value)


def _equal(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def _multiple(values: Sequence[int], of: Sequence[int], name: str) -> str | None:
    """The text of values that are the same multiple, or the same fraction, of others; None if they are
    not.
    """
    if all(value == other for value, other in zip(values, of, strict=True)):
        return name
    if not all(isinstance(number, int) for number in (*values, *of)):
        return None
    if all(value % other == 0 for value, other in zip(values, of, strict=True)):
        factors = {value // other for value, other in zip(values, of, strict=True)}
        return f"{factors.pop()} * {name}" if len(factors) == 1 else None
    if all(other % value == 0 for value, other in zip(values, of, strict=True)):
        factors = {other // value for value, other in zip(values, of, strict=True)}
        return f"{name} / {factors.pop()}" if len(factors) == 1 else None
    return None


def signature(body: Body) -> str:
    """The parameter list of an op as source text: its inputs and its settings."""
    inputs = ", ".join(input_names(body.inputs))
    settings = []
    for p in body.parameters:
        kinds = {type(value) for value in p.values}
        word = "int" if p.kind == "pair" else p.kind
        typed = word in _TYPES and kinds <= {_TYPES[word], Pick}
        kind = f": {word}" if typed else ""
        settings.append(f"{p.name}{kind}" + (f" = {p.default}" if p.default is not None else ""))
    return f"({inputs}{'; ' if settings else ''}{', '.join(settings)})"


_TYPES: Mapping[str, type] = {"int": int, "bool": bool, "str": str}
