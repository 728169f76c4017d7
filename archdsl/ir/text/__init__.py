"""The text form of graphs, for tests and diffs: one node per line; `parse` restores what `dump` wrote."""

from archdsl.ir.text.reader import parse
from archdsl.ir.text.writer import dump, value_text

__all__ = ["dump", "parse", "value_text"]
