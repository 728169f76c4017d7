"""The canonical format."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from archdsl.diagnostics import Source, SpecError
from archdsl.lang import FormatterError, ast, format_source, formatter, parse, unparse
from spec_texts import read

SPECS = Path(__file__).resolve().parent.parent.parent / "specs"


def formatted(text: str) -> str:
    """The canonical text of a spec whose first lines, the version and a blank one, are left out."""
    head = "arch 1\n\n"
    result = format_source(Source("spec.arch", head + text))
    assert result.startswith(head)
    return result[len(head) :]


def test_a_file_is_laid_out_anew():
    untidy = """import  skip,sep_conv from "std/ops.arch"
A={skip , sep3:sep_conv( k=3 ),}
op f(x;c:int=x.c,k=3)=x->(conv(c=c,k=k))->bn
cell N(a,b){return a,b}
space S(;width=16){
input image:[3,64,128]
x[0]=image->conv(c=width)
stage body for i in 1..3,r in{8,16}{x[i]=one of A}


depth=one of{1..3}
output y=x[depth]}
network F from S(width=8){depth=3
body[1]=(n1.1=sep3)}
search Q for S{budget=48h minimize a  teacher{widths=12}}
"""
    assert (
        formatted(untidy)
        == """import skip, sep_conv from "std/ops.arch"

A = {skip, sep3: sep_conv(k = 3)}

op f(x; c: int = x.c, k = 3) = x -> conv(c = c, k = k) -> bn

cell N(a, b) {
  return a, b
}

space S(; width = 16) {
  input image: [3, 64, 128]
  x[0] = image -> conv(c = width)
  stage body for i in 1..3, r in {8, 16} {
    x[i] = one of A
  }

  depth = one of {1..3}
  output y = x[depth]
}

network F from S(width = 8) {
  depth = 3
  body[1] = (n1.1 = sep3)
}

search Q for S {
  budget = 48 h
  minimize a
  teacher {
    widths = 12
  }
}
"""
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("((a) + (b * c)) - (d - e)", "a + b * c - (d - e)"),
        ("(a -> f) -> (g -> h)", "a -> f -> (g -> h)"),
        ("(x -> f) + (y -> g)", "(x -> f) + (y -> g)"),
        ("(a if b else c) if d else (e if f else g)", "(a if b else c) if d else e if f else g"),
        ("(a if b else c) -> f", "(a if b else c) -> f"),
        ("a if b else (c -> f)", "a if b else (c -> f)"),
        ("not (a == b)", "not a == b"),
        ("(not a) == b", "(not a) == b"),
        ("-(a * b)", "-(a * b)"),
        ("(-a) * b", "-a * b"),
        ("(a < b) == c", "(a < b) == c"),
        ("(f(x))[1]", "f(x)[1]"),
        ("(f if a else g)(x)", "(f if a else g)(x)"),
        ("(3).1", "(3).1"),
        ("rate in 155 fps..175 fps", "rate in 155 fps .. 175 fps"),
        ("{32 .. 128 step 32}", "{32..128 step 32}"),
        ("x[ 1 .. i-1 ]", "x[1..i - 1]"),
        ("9ms", "9 ms"),
        ("2.50M", "2.5M"),
        ("512MiB", "512 MiB"),
        ("0.001", "1e-3"),
        ("0.025", "0.025"),
        ("1E-4", "1e-4"),
        ("100.0", "100.0"),
        ("1e16", "1e16"),
        ('"a\\"b\\\\"', '"a\\"b\\\\"'),
    ],
)
def test_an_expression_has_one_spelling(text: str, expected: str):
    assert formatted(f"x = {text}\n") == f"x = {expected}\n"


WIDE = "a_long_name_of_a_tensor"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"x = {{{', '.join([WIDE] * 5)}}}",
            f"x = {{\n  {WIDE},\n  {WIDE},\n  {WIDE},\n  {WIDE},\n  {WIDE},\n}}",
        ),
        (
            f"x = f({WIDE}, {WIDE}, k = {WIDE}, s = {WIDE})",
            f"x = f(\n  {WIDE},\n  {WIDE},\n  k = {WIDE},\n  s = {WIDE},\n)",
        ),
        (
            f"x = {WIDE} -> f({WIDE}, c = 3) -> {WIDE} -> f(c = 64, k = 5)",
            f"x = {WIDE}\n  -> f({WIDE}, c = 3)\n  -> {WIDE}\n  -> f(c = 64, k = 5)",
        ),
        (
            f"x = {WIDE} + {WIDE} * 3 - {WIDE} + {WIDE}",
            f"x = {WIDE}\n  + {WIDE} * 3\n  - {WIDE}\n  + {WIDE}",
        ),
        (
            f"x = {WIDE} if {WIDE} else {WIDE} if a else {WIDE}",
            f"x = {WIDE} if {WIDE}\n  else {WIDE} if a\n  else {WIDE}",
        ),
        (
            f"op f(x; c: int = {WIDE}) = x -> conv(c = c, k = 3) -> {WIDE}(c = {WIDE})",
            f"op f(x; c: int = {WIDE}) =\n  x -> conv(c = c, k = 3) -> {WIDE}(c = {WIDE})",
        ),
        (
            f"op f(x, y; c: int = {WIDE}, k = {WIDE}, s = {WIDE}) = x",
            f"op f(\n  x, y;\n  c: int = {WIDE},\n  k = {WIDE},\n  s = {WIDE},\n) = x",
        ),
        (
            f'import {", ".join([WIDE] * 4)} from "std/ops.arch"',
            f'import\n  {WIDE},\n  {WIDE},\n  {WIDE},\n  {WIDE},\nfrom "std/ops.arch"',
        ),
    ],
)
def test_what_is_longer_than_a_line_breaks(text: str, expected: str):
    assert formatted(text) == expected + "\n"
    assert max(map(len, expected.split("\n"))) <= 100


def test_a_line_of_a_hundred_columns_is_not_broken():
    fits = f"x = [{'a' * 40}, {'b' * 52}]"
    assert len(fits) == 100
    assert formatted(fits) == f"{fits}\n"
    assert "\n  a" in formatted(fits.replace("bb", "bbb", 1))


def test_comments_stay_with_what_they_are_about():
    text = """# about the file

# about the import
import skip from "std/ops.arch"  # behind it

OPS = {  # behind the brace
  # before the first
  skip,  # behind the first
  # before the end
}

# before the op
op f(x) =
  # before its body
  x -> skip

space S {  # behind the header
  # first in the block
  input image: [3, 4, 5]

  # after a blank line
  x = image
    # in the chain
    -> skip  # behind a step
    -> f
  stage s repeat 3 {
    # alone in the block
  }  # behind the stage
  output y = f(x)
  # last in the block
}

# at the end
"""
    assert formatted(text) == text


def test_a_comment_where_no_line_ends_goes_to_the_next_end_of_a_line():
    assert formatted("x = a[1,  # one\n 2]  # two\n") == "x = a[1, 2]  # one\n# two\n"
    assert formatted("op f(x)  # one\n= x\n") == "op f(x) =  # one\n  x\n"


def test_single_blank_lines_between_statements_are_kept_and_more_are_one():
    assert formatted("A = 1\n\n\n\nB = 2\nC = 3\n") == "A = 1\n\nB = 2\nC = 3\n"
    assert formatted("space S {\n\n\n  a = 1\n\n\n  b = 2\n\n}") == "space S {\n  a = 1\n\n  b = 2\n}\n"


def test_without_its_source_an_ast_is_written_without_optional_blank_lines():
    text = "space S {\n  a = 1\n\n  b = 2\n}\n"
    assert unparse(read(text)) == "arch 1\n\n" + text.replace("\n\n", "\n")


def test_imports_stand_together_and_declarations_apart():
    imports = 'import a from "./a.arch"\n\nimport b from "./b.arch"\n'
    rest = "op f(x) = x\nop g(x) = x\nA = 1\nspace S {}\n"
    apart = "op f(x) = x\n\nop g(x) = x\n\nA = 1\n\nspace S {}\n"
    assert formatted(imports + rest) == imports.replace("\n\n", "\n") + "\n" + apart


def test_line_ends_of_other_systems_become_plain_ones():
    assert formatted("x = 3  # a\r\n\r\ny = 4\r\n") == "x = 3  # a\n\ny = 4\n"


def test_a_file_of_a_version_only_stays_so():
    assert format_source(Source("spec.arch", "arch   1")) == "arch 1\n"
    assert format_source(Source("spec.arch", "# a\narch 1 # b\n# c")) == "# a\narch 1  # b\n\n# c\n"


@pytest.mark.parametrize("path", sorted(SPECS.rglob("*.arch")), ids=lambda path: path.name)
def test_formatting_a_shipped_spec_keeps_its_meaning(path: Path):
    source = Source(path.name, path.read_text("utf-8"))
    assert parse(Source(path.name, format_source(source))) == parse(source)


def test_what_does_not_parse_is_not_formatted():
    with pytest.raises(SpecError):
        format_source(Source("spec.arch", "arch 1\nx = "))


MORE = count()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda text: text.replace("= a", "= b"), "meaning"),
        (lambda text: text.replace("# one", "# two"), "comment"),
        (lambda text: text + "\n" * next(MORE), "twice"),
        (lambda text: text.replace("=", "+"), "parse"),
    ],
)
def test_a_broken_promise_is_an_error_of_ours(wrong, message: str, monkeypatch: pytest.MonkeyPatch):
    real = formatter.unparse
    monkeypatch.setattr(formatter, "unparse", lambda file, source=None: wrong(real(file, source)))
    with pytest.raises(FormatterError, match=message):
        format_source(Source("spec.arch", "arch 1\nx = a  # one\n"))


def test_an_ast_without_places_can_be_written():
    body = ast.Block((ast.Assign((ast.Name("x"),), ast.Number(3)),))
    network = ast.Network(ast.Name("N"), ast.Signature((), ()), ast.Name("S"), (), body)
    assert unparse(ast.File(1, (network,))) == "arch 1\n\nnetwork N from S {\n  x = 3\n}\n"


def test_an_index_longer_than_a_line_is_a_target_that_is_written_and_read_back():
    for name in ("i" * 300, " + ".join(["i" * 9] * 40)):
        text = f"arch 1\n\ncell C(x) {{\n  stage s for i in 1..2 {{\n    b[{name}], c[i] = x\n  }}\n}}\n"
        formatted = format_source(Source("s.arch", text))
        assert parse(Source("s.arch", formatted)) == parse(Source("s.arch", text))
        assert format_source(Source("s.arch", formatted)) == formatted
