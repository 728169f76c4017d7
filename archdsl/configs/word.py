"""A name in a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archdsl.configs.setting import Setting, settings_of


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
