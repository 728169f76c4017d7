"""The grammar file, and the parser against Lark's own."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from lark import Lark
from lark.exceptions import GrammarError, UnexpectedInput
from lark.parsers.lalr_analysis import LALR_Analyzer
from test_mutations import damaged, shipped

from archdsl.diagnostics import Source, SpecError
from archdsl.lang import parse, unparse
from archdsl.lang.build import Builder
from archdsl.lang.parse_tables import build_lark, load_tables
from archdsl.resources import grammar_path
from random_specs import files

SEEN_WHILE_BUILDING = {3, 4, 103, 104, 105, 106, 110, 111, 113, 114, 702, 703}
"""Mistakes in sentences of the grammar, found when their nodes are made."""


@cache
def lark() -> Lark:
    return build_lark(grammar_path().read_text("utf-8"))


def check_conflicts(parser: Lark) -> None:
    """Raise GrammarError where LALR(1) would have to prefer one reading to another."""
    LALR_Analyzer(parser.parser.parser_conf, strict=True).compute_lalr()


def is_sentence(text: str) -> bool:
    try:
        lark().parse(text)
    except UnexpectedInput:
        return False
    return True


def test_the_grammar_has_no_conflicts():
    check_conflicts(lark())


def test_a_grammar_with_a_conflict_is_noticed():
    ambiguous = build_lark('start: "a" start "b" | "a" start | "a"\nNAME: "n"')
    with pytest.raises(GrammarError):
        check_conflicts(ambiguous)


def test_the_grammar_is_accepted_by_larks_strict_mode():
    pytest.importorskip("interegular")
    build_lark(grammar_path().read_text("utf-8"), strict=True)


def test_every_rule_has_its_callback():
    named = {rule.build for rule in load_tables().rules if rule.mode == "value"}
    assert {name for name in named if not hasattr(Builder, name)} == set()


@pytest.mark.parametrize("number", range(len(shipped())))
def test_lark_itself_accepts_the_shipped_specs(number: int):
    assert is_sentence(shipped()[number])


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(files)
def test_lark_itself_accepts_what_is_written_out(file):
    assert is_sentence(unparse(file))


@settings(max_examples=50, deadline=None)
@given(damaged())
def test_the_parser_refuses_what_lark_refuses_and_more_only_while_building(text: str):
    try:
        parse(Source("damaged.arch", text))
        found = set()
    except SpecError as error:
        found = {int(d.code.removeprefix("ARCH")) for d in error.diagnostics}
    if is_sentence(text):
        assert found <= SEEN_WHILE_BUILDING
    else:
        assert found
