"""Settings of a config: dataclass fields with a description, a type and a range."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from archdsl.configs.forms import Form

Kind = Literal[
    "whole", "number", "flag", "text", "time", "pair", "word", "data", "choices", "names", "part", "space",
    "target", "loss",
]  # fmt: skip
"""Types of values.

"pair": a list of two numbers; "word": a name with settings, such as a sampler; "data": a value that the
`form` of the setting checks; "choices": a list of some of the setting's `choices`; "names": a list of names
of parts of the space; "part": one such name; "space": the name of a space of the file; "target": the name of
the map that outputs are compared with; "loss": a sum of losses.
"""

MOST = 1_000_000
"""The default maximum of a setting."""


@dataclass(frozen=True)
class Setting:
    """A setting of a config.

    A number is between `low` and `high`, inclusive. A word is one of the words of `group`, restricted to
    `choices` if there are any. If `declares`, the value is a list of names of scores that objectives and
    requirements of the search can use. Textual choices are written without quotes. A setting with `run=False`
    passes `check` with a note and is rejected by `search`. `usual` describes a default that is not a
    constant.
    """

    kind: Kind
    doc: str
    default: Any = None
    low: float = 0
    high: float = MOST
    choices: tuple[Any, ...] = ()
    group: str = ""
    usual: str = ""
    run: bool = True
    form: Form | None = None
    declares: bool = False

    def expected(self) -> str:
        """The accepted values in words: "an integer >= 1"."""
        if self.kind == "word":
            return " or ".join(self.choices) or f"one of the {self.group}"
        if self.kind == "choices":
            return f"a list of {', '.join(self.choices)}"
        if self.kind == "names":
            return "a list of names in the space"
        if self.choices:
            return ", ".join(map(str, self.choices))
        if self.kind in ("whole", "number", "pair"):
            name = {"whole": "an integer", "number": "a number", "pair": "a list of two numbers"}[self.kind]
            return (
                f"{name} from {self.low:g} to {self.high:g}"
                if self.high < MOST
                else f"{name} >= {self.low:g}"
            )
        if self.form is not None:
            return self.form.description
        return {
            "flag": "true or false", "text": "a string", "time": "a duration such as 2 h",
            "part": "a name in the space", "space": "the name of a space of the file",
            "target": "labels, edges, or the name of a map", "loss": "a sum of losses",
        }[self.kind]  # fmt: skip

    def accepts(self, value: object) -> bool:
        """Whether the value of a literal is valid for this setting. Always True for words such as the names
        of samplers, which the caller checks; False for names of parts, spaces and losses, which are not
        literals.
        """
        if self.kind == "choices":
            return isinstance(value, tuple) and all(one in self.choices for one in value)
        if self.kind == "names":
            return isinstance(value, tuple) and all(isinstance(one, str) for one in value)
        if self.choices and self.kind != "word":
            return any(value == one and type(value) is type(one) for one in self.choices)
        if self.form is not None:
            return self.form.accepts(value)
        match self.kind:
            case "whole":
                return type(value) is int and self.low <= value <= self.high
            case "number":
                return type(value) in (int, float) and self.low <= value <= self.high  # type: ignore[operator]
            case "pair":
                return (
                    isinstance(value, tuple)
                    and len(value) == 2
                    and all(type(v) in (int, float) and self.low <= v <= self.high for v in value)
                )
            case "flag":
                return isinstance(value, bool)
            case "text":
                return isinstance(value, str)
            case "part" | "space" | "loss":  # names, not values
                return False
            case "target":
                return isinstance(value, str) and value.isidentifier()
            case "time":
                return getattr(value, "dimension", "") == "time" and value.amount > 0  # type: ignore[attr-defined]
        return True

    def read(self, value: Any) -> Any:
        """Converts a valid value to the value in the config: for example, a label to a tuple of one label."""
        return value if self.form is None or self.form.reads is None else self.form.reads(value)


def setting(kind: Kind, doc: str, default: Any = None, **more: Any) -> Any:
    """Returns a dataclass field that declares a setting; `more` are further fields of `Setting`."""
    return dataclasses.field(default=default, metadata={"setting": Setting(kind, doc, default, **more)})


@cache
def settings_of(config: type) -> Mapping[str, Setting]:
    """The settings of a config class by name, in declaration order."""
    fields = dataclasses.fields(config)
    return {field.name: field.metadata["setting"] for field in fields if "setting" in field.metadata}
