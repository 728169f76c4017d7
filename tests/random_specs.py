"""Hypothesis strategies for the language: ASTs as `parse` would give them, and texts of them.

Spans are left at their default; they take no part in equality.
"""

from __future__ import annotations

from hypothesis import strategies as st

from archdsl.diagnostics import Source
from archdsl.lang import ast, parse
from archdsl.lang.machine import Token, language
from archdsl.lang.mistakes import UNITS

BINARY = ["+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "and", "or"]
WORDS = [
    "x",
    "y",
    "n1",
    "keep",
    "OPS",
    "Node",
    "conv_bn_relu",
    "s",
    "ms",
    "K",
    "i_1",
    "_",
    "inputs",
    "e5",
    "some",
    "defined",
]


def words() -> st.SearchStrategy[str]:
    """Names that are no keywords."""
    long = st.text("abcdefgh_XYZ019", min_size=1, max_size=30).map(lambda text: f"w{text}")
    return st.sampled_from(WORDS) | long


names = st.builds(ast.Name, words())
whole = st.integers(0, 9) | st.integers(0, 10**18 - 1)
decimals = st.floats(0, 1e18) | st.sampled_from([0.5, 1e-3, 1e-4, 2.5, 100.0, 1e16])
numbers = st.builds(ast.Number, whole | decimals)
quantities = st.builds(
    ast.Quantity, whole | st.decimals(0, 10**9, places=3).map(float), st.sampled_from(UNITS)
)
characters = st.characters(min_codepoint=32, exclude_categories=["Cs"]) | st.sampled_from('\n\t"\\#')
strings = st.builds(ast.String, st.text(characters, max_size=20))
leaves = names | names | numbers | quantities | strings | st.builds(ast.Bool, st.booleans())


def _tuples(of: st.SearchStrategy, least: int = 0, most: int = 4) -> st.SearchStrategy:
    return st.lists(of, min_size=least, max_size=most).map(tuple)


def paths(expr: st.SearchStrategy[ast.Expr]) -> st.SearchStrategy[ast.Expr]:
    """What may be assigned to: `x`, `x[i, 2]`, `n1.1`, `body[3].left`."""
    steps = st.tuples(st.just("index"), _tuples(expr, 1, 2)) | st.tuples(
        st.just("attribute"), words() | st.integers(0, 12).map(str)
    )

    def grow(name: ast.Name, found: list) -> ast.Expr:
        node: ast.Expr = name
        for kind, value in found:
            node = ast.Index(node, value) if kind == "index" else ast.Attribute(node, value)
        return node

    return st.builds(grow, names, st.lists(steps, max_size=3))


def _larger(expr: st.SearchStrategy[ast.Expr]) -> st.SearchStrategy[ast.Expr]:
    sets = st.builds(ast.Set, _tuples(st.builds(ast.Candidate, st.none() | words(), expr)))
    calls = st.builds(
        ast.Call, names | expr, _tuples(expr, 0, 3), _tuples(st.builds(ast.Named, names, expr), 0, 3)
    )
    indices = st.builds(ast.Index, expr, _tuples(expr | st.builds(ast.Every), 1, 2))
    attributes = st.builds(ast.Attribute, expr, words() | st.integers(0, 12).map(str))
    choosable = sets | names | calls | indices | attributes
    choosable |= st.builds(ast.Binary, st.just("-"), choosable, choosable)
    return st.one_of(
        sets,
        calls,
        calls,
        indices,
        attributes,
        st.builds(ast.List, _tuples(expr)),
        st.builds(ast.Record, _tuples(st.builds(ast.Named, paths(expr), expr), 1)),
        st.builds(ast.Optional, expr),
        st.builds(ast.Range, expr, expr, st.none() | expr),
        st.builds(ast.Unary, st.sampled_from(["-", "not"]), expr),
        st.builds(ast.Binary, st.sampled_from(BINARY), expr, expr),
        st.builds(ast.Chain, expr, expr),
        st.builds(ast.Chain, expr, calls),
        st.builds(ast.Conditional, expr, expr, expr),
        st.builds(ast.OneOf, choosable),
        st.builds(ast.AnyOf, expr, choosable),
        st.builds(ast.SomeOf, choosable),
        st.builds(ast.Once, sets | names | calls | indices | attributes),
    )


expressions: st.SearchStrategy[ast.Expr] = st.recursive(leaves, _larger, max_leaves=12)
_short = st.recursive(leaves, _larger, max_leaves=4)


def _blocks(statement: st.SearchStrategy[ast.Statement]) -> st.SearchStrategy[ast.Block]:
    return st.builds(ast.Block, _tuples(statement, 0, 3))


_lists = st.builds(ast.List, _tuples(_short, 0, 3))
_simple = st.one_of(
    st.builds(ast.Assign, _tuples(paths(leaves), 1, 2), _short),
    st.builds(ast.Assign, _tuples(names, 1, 1), _short),
    st.builds(ast.Input, words(), _short),
    st.builds(ast.Output, words(), _short, st.booleans()),
    st.builds(ast.Require, _short),
    st.builds(ast.Tie, _tuples(_short, 2, 3)),
    st.builds(ast.Return, _short | _lists),
)
_binders = _tuples(st.builds(ast.Binder, words(), _short), 0, 2)


def _stages(statement: st.SearchStrategy[ast.Statement]) -> st.SearchStrategy[ast.Statement]:
    looping = st.builds(ast.Stage, words(), _binders, st.none(), _blocks(statement))
    return looping | st.builds(ast.Stage, words(), st.just(()), _short, _blocks(statement))


statements: st.SearchStrategy[ast.Statement] = st.recursive(_simple, _stages, max_leaves=3)

_goals = st.builds(ast.Goal, st.sampled_from(["minimize", "maximize"]), _short)
_clauses = st.one_of(
    st.builds(ast.Assign, _tuples(paths(leaves), 1, 1), _short),
    _goals,
    st.builds(ast.Require, _short),
    st.builds(ast.Communicate, _short, _short),
)
clauses: st.SearchStrategy[ast.Clause] = st.recursive(
    _clauses, lambda inner: st.builds(ast.Group, words(), st.none() | words(), _tuples(inner)), max_leaves=3
)

_types = st.none() | st.sampled_from(["int", "float", "bool", "str", "op"])
_settings = _tuples(st.builds(ast.Setting, words(), _types, st.none() | _short), 0, 3)
_signatures = st.builds(ast.Signature, _tuples(names, 0, 3), _settings)
_no_signature = st.just(ast.Signature((), ()))
_named = _tuples(st.builds(ast.Named, names, _short), 0, 2)
_bodies = _blocks(statements)
declarations: st.SearchStrategy[ast.Declaration] = st.one_of(
    st.builds(ast.Import, _tuples(names, 1), strings),
    st.builds(ast.Constant, names, _short),
    st.builds(ast.Op, names, _signatures, _short | _bodies),
    st.builds(ast.Cell, names, _signatures, _bodies),
    st.builds(ast.Space, names, _signatures, _bodies),
    st.builds(ast.Network, names, _signatures, st.none(), st.just(()), _bodies),
    st.builds(ast.Network, names, _no_signature, names, _named, _bodies),
    st.builds(ast.Search, names, _signatures, names, _tuples(clauses)),
)
files: st.SearchStrategy[ast.File] = st.builds(ast.File, st.just(1), _tuples(declarations, 0, 3))


def tokens(text: str) -> list[Token]:
    """The tokens of a text, comments among them, as the parser's scanner sees them."""
    found = list(language().scan.finditer(text))
    return [token for token in found if token.lastgroup != "END"]


@st.composite
def commented(draw: st.DrawFn, text: str) -> str:
    """The text with comments and line breaks put between its tokens."""
    starts = [token.start(token.lastindex or 0) for token in tokens(text)]
    places = draw(st.lists(st.sampled_from([*starts, len(text)]), max_size=8, unique=True).map(sorted))
    parts, at = [], 0
    for number, place in enumerate(places):
        before = draw(st.sampled_from(["", " ", "\n", "\n\n", "\n \n\n"]))
        after = draw(st.sampled_from(["\n", "\n\n", "\n  "]))
        comment = draw(st.sampled_from([f"# {number}", f"#{number}  ", f"# {number} {{ -> (", ""]))
        parts += [text[at:place], before, comment, after if comment else " "]
        at = place
    return "".join([*parts, text[at:]])


def _values(node: object) -> list[ast.Expr]:
    """The expressions below a node around which parentheses change nothing."""
    found: list[ast.Expr] = []
    for name in getattr(node, "__slots__", ()):
        child = getattr(node, name)
        if name in ("targets", "names", "name", "space", "origin", "inputs", "path", "span"):
            continue
        for part in child if isinstance(child, tuple) else (child,):
            bracketless = isinstance(node, ast.Return) and isinstance(part, ast.List)
            if isinstance(part, ast.Expr) and not isinstance(part, ast.Every) and not bracketless:
                found.append(part)
            found += _values(part)
    return found


@st.composite
def parenthesised(draw: st.DrawFn, text: str) -> str:
    """The text with parentheses put around some of its values."""
    values = _values(parse(Source("random.arch", text)))
    chosen = draw(st.lists(st.sampled_from(values), max_size=6)) if values else []
    marks = [(value.span[1], 0, ")") for value in chosen] + [(value.span[0], 1, "(") for value in chosen]
    for at, _, mark in sorted(marks, reverse=True):
        text = text[:at] + mark + text[at:]
    return text
