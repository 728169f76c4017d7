"""The language: text to AST and back."""

from archdsl.lang.parser import parse
