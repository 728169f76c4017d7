"""Names that a search can use as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from archdsl.configs.setting import Setting, settings_of
from archdsl.registry import imported


@dataclass(frozen=True)
class Word:
    """A name such as `gumbel`: its summary, and the config class whose fields are its settings.

    A `function` takes this many positional arguments, as in its `example`.  A word with `run=False` is parsed and checked, and rejected
    by `archdsl search`.
    """

    summary: str
    config: type
    run: bool = True
    function: int = 0
    example: str = ""

    @property
    def settings(self) -> Mapping[str, Setting]:
        return settings_of(self.config)


@dataclass(frozen=True)
class Maker(Word):
    """A word that builds an object: `make` is called with the config as its first argument.

    Built-in words name it as "module:attribute", since their modules import numpy.
    """

    make: Callable[..., Any] | str | None = None

    def made_by(self) -> Callable[..., Any]:
        """The function that builds the object."""
        found: Callable[..., Any] | None = imported(self.make) if isinstance(self.make, str) else self.make
        assert found is not None
        return found
