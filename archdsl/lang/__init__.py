"""The language: text to AST and back, imports followed."""

from archdsl.lang.formatter import FormatterError, format_source, unparse
from archdsl.lang.loader import Unit, load
from archdsl.lang.parser import parse
