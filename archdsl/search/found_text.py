"""Writes the network found by a search as source text."""

from __future__ import annotations

from archdsl.program import Space
from archdsl.search.result import Result, not_searched


def text_of(space: Space, found: Result) -> str:
    """The network found as source text, with a comment on decisions that were not searched."""
    text = found.network.to_arch()
    if not (left := not_searched(space)):
        return text
    comment = f"# Not searched, as only train-only outputs read them: {', '.join(left)}.\n"
    head, keyword, network = text.partition("network ")
    return f"{head}{comment}# These have their first candidates.\n{keyword}{network}"
