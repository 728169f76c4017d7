"""A name in a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from archdsl.configs.setting import Setting, settings_of
from archdsl.registry import imported


@dataclass(frozen=True)
class Word:
    """A name in a search: what it is, and the config whose fields are its settings.

    A `function` takes one value in parentheses.  What is not `run` yet is parsed and checked, and refused by
    `archdsl search`.
    """

    summary: str
    config: type
    run: bool = True
    function: bool = False

    @property
    def settings(self) -> Mapping[str, Setting]:
        return settings_of(self.config)


@dataclass(frozen=True)
class Maker(Word):
    """A word that stands for an object; `make` returns it, from the config first.

    Those of archdsl are given by their places, "module:attribute", as their modules import numpy.
    """

    make: Callable[..., Any] | str | None = None

    def made_by(self) -> Callable[..., Any]:
        """The function that makes the object."""
        found: Callable[..., Any] | None = imported(self.make) if isinstance(self.make, str) else self.make
        assert found is not None
        return found
