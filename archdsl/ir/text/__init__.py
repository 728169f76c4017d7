"""The text form of a graph, one node a line, for tests, diffs and goldens; it parses back exactly."""

from archdsl.ir.text.reader import parse
from archdsl.ir.text.writer import dump, value_text

__all__ = ["dump", "parse", "value_text"]
