"""The text form of a graph, one node per line, for tests and diffs; parsing it gives the same graph."""

from archdsl.ir.text.reader import parse
from archdsl.ir.text.writer import dump, value_text

__all__ = ["dump", "parse", "value_text"]
