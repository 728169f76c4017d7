"""What texts mean, as ASTs."""

from __future__ import annotations

import pytest

from archdsl.diagnostics import Source
from archdsl.lang import ast, parse
from archdsl.lang.mistakes import UNITS
from archdsl.spec import units
from spec_texts import body, read, value

A, B, C, X, F, G = (ast.Name(word) for word in "abcxfg")


def binary(op: str, left: ast.Expr, right: ast.Expr) -> ast.Binary:
    return ast.Binary(op, left, right)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * c", binary("+", A, binary("*", B, C))),
        ("a * b + c", binary("+", binary("*", A, B), C)),
        ("a - b - c", binary("-", binary("-", A, B), C)),
        ("a / (b / c)", binary("/", A, binary("/", B, C))),
        ("-a * b", binary("*", ast.Unary("-", A), B)),
        ("a or b and c", binary("or", A, binary("and", B, C))),
        ("not a == b", ast.Unary("not", binary("==", A, B))),
        ("not not a and b", binary("and", ast.Unary("not", ast.Unary("not", A)), B)),
        ("a and not b", binary("and", A, ast.Unary("not", B))),
        ("a in b .. c", binary("in", A, ast.Range(B, C, None))),
        ("a..b - c step x", ast.Range(A, binary("-", B, C), X)),
        ("x if a < b else c", ast.Conditional(X, binary("<", A, B), C)),
        ("x if a else b if c else f", ast.Conditional(X, A, ast.Conditional(B, C, F))),
        ("x -> f -> g", ast.Chain(ast.Chain(X, F), G)),
        ("x -> (f -> g)", ast.Chain(X, ast.Chain(F, G))),
        ("a + b -> f", ast.Chain(binary("+", A, B), F)),
        ("(a if b else c) -> f", ast.Chain(ast.Conditional(A, B, C), F)),
        ("a if b else (c -> f)", ast.Conditional(A, B, ast.Chain(C, F))),
        ("x -> one of f(a)", ast.Chain(X, ast.OneOf(ast.Call(F, (A,), ())))),
        ("a // b % c", ast.Binary("%", ast.Binary("//", A, B), C)),
        ("a + b // c", ast.Binary("+", A, ast.Binary("//", B, C))),
        ("some of a", ast.SomeOf(A)),
        ("some + of_", ast.Binary("+", ast.Name("some"), ast.Name("of_"))),
        ("any a of b", ast.AnyOf(A, B)),
        ("one of (a - b)", ast.OneOf(ast.Binary("-", A, B))),
        ("any 2 of {a, b}", ast.AnyOf(ast.Number(2), ast.Set(tuple(ast.Candidate(None, x) for x in (A, B))))),
        ("one of x[a] if b else c", ast.Conditional(ast.OneOf(ast.Index(X, (A,))), B, C)),
        ("once f(b = c)", ast.Once(ast.Call(F, (), (ast.Named(B, C),)))),
        ("x[-1]", ast.Index(X, (ast.Unary("-", ast.Number(1)),))),
        ("x[*]", ast.Index(X, (ast.Every(),))),
        ("x[a, *]?", ast.Optional(ast.Index(X, (A, ast.Every())))),
        ("x.c", ast.Attribute(X, "c")),
        ("{a: f, b..c,}", ast.Set((ast.Candidate("a", F), ast.Candidate(None, ast.Range(B, C, None))))),
        ("[a, b,]", ast.List((A, B))),
        ("(a)", A),
        ("(a = b)", ast.Record((ast.Named(A, B),))),
        ("f(a, b, c = x,)", ast.Call(F, (A, B), (ast.Named(C, X),))),
        ('"a\\"\\\\\\n\\t"', ast.String('a"\\\n\t')),
        ("true", ast.Bool(True)),
    ],
)  # fmt: skip
def test_an_expression_groups_as_the_table_of_precedence_says(text: str, expected: ast.Expr):
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", ast.Number(12)),
        ("0.5", ast.Number(0.5)),
        ("1e-4", ast.Number(1e-4)),
        ("2.5M", ast.Quantity(2.5, "M")),
        ("9 ms", ast.Quantity(9, "ms")),
        ("9ms", ast.Quantity(9, "ms")),
        ("512 MiB", ast.Quantity(512, "MiB")),
        ("155 fps", ast.Quantity(155, "fps")),
    ],
)
def test_a_number_and_its_unit_are_one_value(text: str, expected: ast.Expr):
    assert value(text) == expected
    assert type(value(text).value) is type(expected.value)  # type: ignore[union-attr]


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_is_read_beside_its_number(unit: str):
    assert value(f"25{unit}") == ast.Quantity(25, unit)
    assert value(f"[2.5{unit}]") == ast.List((ast.Quantity(2.5, unit),))


def test_the_units_that_are_read_are_those_that_mean_something():
    assert set(UNITS) == set(units.UNITS)


def test_a_setting_named_like_a_unit_is_a_setting():
    assert value("f(k = 3, s = 2)") == ast.Call(
        F, (), (ast.Named(ast.Name("k"), ast.Number(3)), ast.Named(ast.Name("s"), ast.Number(2)))
    )
    assert body("k = 3\ns = 2") == body("k = 3 s = 2")


def test_ordinals_after_a_dot_are_not_decimal_numbers():
    assert value("y.1.1") == ast.Attribute(ast.Attribute(ast.Name("y"), "1"), "1")
    path = ast.Attribute(ast.Name("n1"), "1")
    assert value("(n1.1 = a, x[2] = b)") == ast.Record(
        (ast.Named(path, A), ast.Named(ast.Index(X, (ast.Number(2),)), B))
    )


def test_rows_of_a_discovered_network_may_have_long_paths():
    (row,) = body("hyper[1].cells[2] = (n1.1 = a)")
    hyper = ast.Index(ast.Name("hyper"), (ast.Number(1),))
    cells = ast.Index(ast.Attribute(hyper, "cells"), (ast.Number(2),))
    assert row == ast.Assign((cells,), ast.Record((ast.Named(ast.Attribute(ast.Name("n1"), "1"), A),)))


def test_a_network_may_have_settings_or_give_those_of_its_space():
    plain, found, bare = read(
        "network N(; classes = 19) {}\nnetwork F from S(classes = 11) {}\nnetwork B from S {}"
    ).items
    none, empty = ast.Signature((), ()), ast.Block(())
    classes = ast.Setting("classes", None, ast.Number(19))
    assert plain == ast.Network(ast.Name("N"), ast.Signature((), (classes,)), None, (), empty)
    given = (ast.Named(ast.Name("classes"), ast.Number(11)),)
    assert found == ast.Network(ast.Name("F"), none, ast.Name("S"), given, empty)
    assert bare == ast.Network(ast.Name("B"), none, ast.Name("S"), (), empty)


def test_settings_may_have_types_and_defaults():
    (op,) = read("op g(x, a; c: int = x.c, f: op, k = 3, b) = x").items
    assert isinstance(op, ast.Op)
    assert op.signature.inputs == (X, A)
    assert [(s.name, s.type, s.default) for s in op.signature.settings] == [
        ("c", "int", ast.Attribute(X, "c")),
        ("f", "op", None),
        ("k", None, ast.Number(3)),
        ("b", None, None),
    ]


def test_every_kind_of_statement_has_its_node():
    found = body(
        """input image: [3, 4]
        a, b = f(image)
        stage one_ for i in a, j in b { return i, j }
        stage two repeat 3 {}
        stage three {}
        tie a, b
        require a in b
        output y = a"""
    )
    assert [type(statement) for statement in found] == [
        ast.Input, ast.Assign, ast.Stage, ast.Stage, ast.Stage, ast.Tie, ast.Require, ast.Output,
    ]  # fmt: skip
    stage = found[2]
    assert isinstance(stage, ast.Stage)
    assert stage.binders == (ast.Binder("i", A), ast.Binder("j", B))
    assert stage.body.statements == (ast.Return(ast.List((ast.Name("i"), ast.Name("j")))),)
    assert found[3] == ast.Stage("two", (), ast.Number(3), ast.Block(()))


def test_a_search_has_clauses_and_groups():
    (search,) = read(
        "search S for T {\n  a = 3\n  minimize b\n  communicate c by f\n"
        "  g { maximize x }\n  g best { require a }\n}"
    ).items
    assert search == ast.Search(
        ast.Name("S"),
        ast.Signature((), ()),
        ast.Name("T"),
        (
            ast.Assign((A,), ast.Number(3)),
            ast.Goal("minimize", B),
            ast.Communicate(C, F),
            ast.Group("g", None, (ast.Goal("maximize", X),)),
            ast.Group("g", "best", (ast.Require(A),)),
        ),
    )


def test_white_space_means_nothing():
    spread = 'import\n  f,\n  g,\nfrom\n"std/ops.arch"\nop\nf\n(\nx\n;\nk\n=\n3\n)\n=\nx\n->\ng'
    assert read(spread) == read('import f, g from "std/ops.arch" op f(x; k = 3) = x -> g')
    assert read(spread) == read(spread.replace("\n", "\r\n"))


def test_spans_cover_the_text_of_their_nodes():
    text = "arch 1\nx = f(a, k = 3)[b] * (g + y.1)\n"
    seen = []

    def visit(node: object) -> None:
        if isinstance(node, tuple):
            for item in node:
                visit(item)
        elif hasattr(node, "span"):
            seen.append((type(node).__name__, text[slice(*node.span)]))
            for name in node.__slots__:
                visit(getattr(node, name))

    visit(parse(Source("spec.arch", text)).items)
    assert seen == [
        ("Constant", "x = f(a, k = 3)[b] * (g + y.1)"),
        ("Name", "x"),
        ("Binary", "f(a, k = 3)[b] * (g + y.1)"),
        ("Index", "f(a, k = 3)[b]"),
        ("Call", "f(a, k = 3)"),
        ("Name", "f"),
        ("Name", "a"),
        ("Named", "k = 3"),
        ("Name", "k"),
        ("Number", "3"),
        ("Name", "b"),
        ("Binary", "(g + y.1)"),
        ("Name", "g"),
        ("Attribute", "y.1"),
        ("Name", "y"),
    ]


def test_comments_are_kept_beside_the_ast_with_where_they_stood():
    file = read("# above\nx = 3  # behind  \n#")
    assert [(c.text, c.own_line) for c in file.comments] == [
        ("# above", True),
        ("# behind", False),
        ("#", True),
    ]
    assert file == read("x = 3")


def test_nodes_are_values():
    one, two = value("f(a, k = 3)"), value("f(a,\n  k =  3)")
    assert one == two
    assert hash(one) == hash(two)
    assert one.span != two.span
    assert repr(one) == repr(two)
    with pytest.raises(AttributeError):
        one.fn = A  # type: ignore[misc, union-attr]
