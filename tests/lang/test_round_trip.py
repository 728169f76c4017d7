"""Text to AST to text, with and without comments; benchmarks/fuzz_specs.py formats many more files."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archdsl.diagnostics import Source
from archdsl.lang import ast, format_source, parse, unparse
from random_specs import commented, expressions, files, parenthesised

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=SLOW)
@given(files)
def test_a_file_that_is_written_out_is_read_as_the_same_file(file: ast.File):
    text = unparse(file)
    again = parse(Source("random.arch", text))
    assert again == file
    assert unparse(again) == text


@pytest.mark.slow
@settings(max_examples=250, deadline=None, suppress_health_check=SLOW)
@given(expressions)
def test_an_expression_needs_no_more_parentheses_than_it_gets(expression: ast.Expr):
    text = unparse(ast.File(1, (ast.Constant(ast.Name("x"), expression),)))
    file = parse(Source("random.arch", text))
    assert file.items[0].value == expression  # type: ignore[union-attr]


@pytest.mark.slow
@settings(max_examples=80, deadline=None, suppress_health_check=SLOW)
@given(files.map(unparse), st.data())
def test_parentheses_without_need_change_nothing(text: str, data: st.DataObject):
    padded = data.draw(parenthesised(text))
    assert parse(Source("random.arch", padded)) == parse(Source("random.arch", text))
    assert format_source(Source("random.arch", padded)) == text


@pytest.mark.slow
@settings(max_examples=120, deadline=None, suppress_health_check=SLOW)
@given(st.data())
def test_formatting_keeps_every_comment_wherever_it_stands(data: st.DataObject):
    text = data.draw(files.map(unparse).flatmap(parenthesised).flatmap(commented))
    source = Source("random.arch", text)
    formatted = format_source(source)
    before, after = parse(source), parse(Source("random.arch", formatted))
    assert before == after
    assert [c.text for c in before.comments] == [c.text for c in after.comments]
    assert format_source(Source("random.arch", formatted)) == formatted
    assert not re.search(r"[ \t]\n|\n\n\n|\n\n\Z|\A\n", formatted)
