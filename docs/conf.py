"""Sphinx: `pip install -e .[docs]`, then `sphinx-build -W docs docs/_build`."""

from __future__ import annotations

import sys
from pathlib import Path

from pygments.lexer import RegexLexer, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text, Whitespace
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import archdsl  # noqa: E402  (found by the line above, also where it is not installed)
from archdsl import ops  # noqa: E402
from archdsl.lang import parser  # noqa: E402

project = "archdsl"
copyright = "the archdsl authors, MIT licence"
release = version = archdsl.__version__

extensions = ["myst_parser"]
myst_heading_anchors = 3
# Links to folders of the repository lead somewhere where files are read; a test follows every link.
suppress_warnings = ["myst.xref_missing"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"archdsl {release}"


class ArchLexer(RegexLexer):
    """Specs in examples; the words of the language are those of its grammar."""

    name = "arch"
    aliases = ("arch",)
    filenames = ("*.arch",)
    tokens = {  # noqa: RUF012  (as Pygments wants it)
        "root": [
            (r"\s+", Whitespace),
            (r"#[^\n]*", Comment.Single),
            (r'"(?:[^"\\]|\\.)*"', String),
            (words(sorted(parser.language().keywords), prefix=r"\b", suffix=r"\b"), Keyword),
            (words(sorted(ops.primitives()), prefix=r"\b", suffix=r"\b"), Name.Builtin),
            (r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?( ?[a-zA-Z]+\b)?", Number),
            (r"[A-Za-z_][A-Za-z0-9_]*", Name),
            (r"->|\.\.|[=<>!]=|[-+*/=<>?]", Operator),
            (r"[][(){},;:.…]", Punctuation),
            (r".", Text),  # examples of mistakes may hold anything
        ]
    }


def setup(app: Sphinx) -> None:
    app.add_lexer("arch", ArchLexer)
