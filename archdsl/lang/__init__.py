"""The language: its parser, formatter and imports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archdsl.lang.loader import Unit, load
from archdsl.lang.parser import parse

if TYPE_CHECKING:
    from archdsl.lang.formatter import FormatterError, format_source, unparse

_FORMATTER = ("FormatterError", "format_source", "unparse")

__all__ = ["FormatterError", "Unit", "format_source", "load", "parse", "unparse"]


def __getattr__(name: str) -> Any:
    """Imports the formatter on first use, since checking a spec does not need it."""
    if name not in _FORMATTER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from archdsl.lang import formatter

    return getattr(formatter, name)
