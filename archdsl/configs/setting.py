"""Settings of a config: fields of a frozen dataclass that know their meaning, type and range."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from archdsl.configs.forms import Form

Kind = Literal["whole", "number", "flag", "text", "time", "pair", "word", "data"]
"""Types of values: "pair" is a list of two numbers, "word" another config, "data" has a form of its own."""

MOST = 1_000_000
"""The largest value of a setting without a limit of its own."""


@dataclass(frozen=True)
class Setting:
    """A setting.  `low` and `high` are the ends of its range, `group` is where its word is from, one of
    `choices` where these are not empty.

    The names that a setting `declares` are scores: objectives and requirements of the search can name them.
    Choices that are texts are written without quotes.
    What is not `run` is accepted by the checker, with a note, and refused by a search.  `usual` says in words
    what holds where the default is none.
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

    def takes(self) -> str:
        """The values that it takes, in words: "whole number, at least 1"."""
        if self.kind == "word":
            return " or ".join(self.choices) or f"one of the {self.group}"
        if self.choices:
            return ", ".join(map(str, self.choices))
        if self.kind in ("whole", "number", "pair"):
            name = {"whole": "whole number", "number": "number", "pair": "list of two numbers"}[self.kind]
            return f"{name}, at least {self.low:g}" + (f", at most {self.high:g}" if self.high < MOST else "")
        if self.form is not None:
            return self.form.says
        return {"flag": "true or false", "text": "text", "time": "a time: 2 h"}[self.kind]

    def accepts(self, value: object) -> bool:
        """Whether a plain value is one that it takes; words are looked at by whoever knows their groups."""
        if self.choices and self.kind != "word":
            return any(value == one and type(value) is type(one) for one in self.choices)
        if self.form is not None:
            return self.form.holds(value)
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
            case "time":
                return getattr(value, "dimension", "") == "time" and value.amount > 0  # type: ignore[attr-defined]
        return True

    def read(self, value: Any) -> Any:
        """A value that it accepts as the config has it: one label, and a list of them, as a tuple."""
        return value if self.form is None or self.form.reads is None else self.form.reads(value)


def setting(kind: Kind, doc: str, default: Any = None, **more: Any) -> Any:
    """A field of a config that is a setting; `more` are fields of `Setting`."""
    return dataclasses.field(default=default, metadata={"setting": Setting(kind, doc, default, **more)})


@cache
def settings_of(config: type) -> Mapping[str, Setting]:
    """The settings of a config by name, in their order."""
    fields = dataclasses.fields(config)
    return {field.name: field.metadata["setting"] for field in fields if "setting" in field.metadata}
