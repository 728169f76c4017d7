"""The language reference: every example means what the page says of it, every list on it is complete."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from literate import ROOT, Block, blocks

import archdsl
from archdsl import ops
from archdsl.backends import torch_module
from archdsl.codes import CODES, page
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.lang import build, expression_builder, loader, parser, source_files
from archdsl.lang.parser import language
from archdsl.ops.signature import signature
from archdsl.spec import elaborate
from archdsl.spec.deciding import possible
from archdsl.spec.deciding import searcher as deciding
from archdsl.spec.evaluate import choosing, functions, sets, statements
from archdsl.spec.evaluate import evaluator as evaluate
from archdsl.spec.units import UNITS

PAGE = ROOT / "docs" / "language.md"
TEXT = PAGE.read_text("utf-8")
EXAMPLES = [block for block in blocks(PAGE) if block.language == "arch"]
_DECLARATION = re.compile(r"(import|op|cell|space|network|search) |[A-Z_]+ =")
_ERROR = re.compile(r"# (error|warning|note)\[(ARCH\d{3})\]")
_DECIDES = re.compile(r"# decides (.*)")
_PRELUDE = """\
arch 1

space Example(; classes = 5) {
  input image: [3, 64, 128]
  x = image -> conv(c = 8)
"""


def whole(text: str) -> str:
    """An example as a whole file."""
    if text.startswith("arch 1"):
        return text
    if _DECLARATION.match(text):
        return f"arch 1\n\n{text}"
    output = "" if re.search(r"^output", text, re.MULTILINE) else "output result = x\n"
    return f"{_PRELUDE}{text}{output}}}\n"


def findings(text: str) -> list[Diagnostic]:
    try:
        return list(archdsl.load(ROOT / "specs" / "example.arch", text=text).check().diagnostics)
    except SpecError as error:
        return list(error.diagnostics)


def line_of(diagnostic: Diagnostic) -> int:
    assert diagnostic.primary is not None
    where = diagnostic.primary.location
    return where.source.line_column(where.start)[0]


@pytest.mark.parametrize("block", EXAMPLES, ids=str)
def test_an_example_has_exactly_the_errors_that_its_comments_say(block: Block) -> None:
    text = whole(block.text)
    shown = {(n, match[2]) for n, line in enumerate(text.splitlines(), 1) for match in _ERROR.finditer(line)}
    assert {(line_of(d), d.code) for d in findings(text) if d.severity == "error"} == shown


@pytest.mark.parametrize("block", [b for b in EXAMPLES if _DECIDES.search(b.text)], ids=str)
def test_an_example_makes_the_decisions_that_its_comments_say(block: Block) -> None:
    right = [line for line in whole(block.text).splitlines() if not _ERROR.search(line)]
    if not any(line.lstrip().startswith("output") for line in right):
        right.insert(-1, "output result = x")
    program = archdsl.load(ROOT / "specs" / "example.arch", text="\n".join(right) + "\n")
    space = program.space().elaborated
    made = {*space.graph.decisions, *(d.path for d in space.unread)}
    said = {path for line in right if (m := _DECIDES.search(line)) for path in _paths(m[1])}
    assert made == said


def _paths(text: str) -> list[str]:
    return [path.strip() for path in re.findall(r"[^,\[\]]+(?:\[[^\]]*\][^,\[\]]*)*", text)]


def test_the_table_of_primitives_is_current() -> None:
    assert "\n".join(primitives_table()) in TEXT, "\n" + "\n".join(primitives_table())


def primitives_table() -> Iterator[str]:
    """The primitives as a table of Markdown."""
    yield "| primitive | |"
    yield "|---|---|"
    for primitive in ops.PRIMITIVES:
        yield f"| `{signature(primitive)}` | {primitive.summary} |"


def test_every_reserved_word_is_listed() -> None:
    found = re.search(r"reserved everywhere: `([^`]+)`", TEXT)
    assert found is not None
    assert found[1].split() == sorted(language().keywords)


def test_every_unit_is_listed() -> None:
    section = TEXT.partition("### Quantities and units")[2].partition("\n#")[0]
    assert set(re.findall(r"\w+", " ".join(re.findall(r"`([\w ]+)`", section)))) >= set(UNITS)


def test_links_to_error_pages_lead_to_known_codes() -> None:
    assert set(re.findall(r"errors/(ARCH\d{3})\.md", TEXT)) <= set(CODES)


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    limits = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \| \[ARCH", TEXT, re.MULTILINE))
    assert limits == {
        "size of a file": f"{source_files.MAX_BYTES // 1_000_000} MB, {parser.MAX_TOKENS:,} words",
        "nesting of expressions, of blocks": f"{expression_builder.MAX_DEPTH}, {build.MAX_NESTING}",
        "length of a number; a decimal number": (
            f"{expression_builder.MAX_DIGITS} digits; {expression_builder.MAX_NUMBER:.0e}".replace("e+", "e")
        ),
        "imported files, nested imports": f"{loader.MAX_FILES}, {loader.MAX_IMPORT_DEPTH}",
        "nodes of a graph; decisions of a space": (
            f"{elaborate.NODE_BUDGET:,}; {choosing.DECISION_BUDGET:,}"
        ),
        "calls and iterations; nested calls; nested choices": (
            f"{evaluate.CALL_BUDGET:,}; {functions.DEPTH_BUDGET}; {choosing.CHOICE_BUDGET}"
        ),
        "members of sets, merged values, joined parts of conditions": f"{evaluate.WORK_BUDGET:,}",
        "members of a set, range or stage; outcomes of a decision": f"{sets.SET_BUDGET:,}",
        "numbers": "10¹⁸",
        "size of an input that is overridden": "1,000,000 in each dimension",
        "parameters of a module": f"{torch_module.MOST_PARAMETERS:,}",
    }
    assert sets.SET_BUDGET == choosing.OUTCOME_BUDGET
    assert f"{deciding.BUDGET:,} steps" in TEXT
    assert f"together {deciding.TOTAL} times that" in TEXT
    assert f"more than {possible.LIMIT} values" in TEXT
    assert f"at most {statements.ERROR_BUDGET}, each place once" in TEXT


def test_the_pages_of_limits_say_the_limits_of_the_code() -> None:
    calls = page("ARCH711").read_text("utf-8")
    assert f"{evaluate.CALL_BUDGET:,} calls of ops and cells" in calls
    assert f"{evaluate.WORK_BUDGET:,} members" in calls
    assert f"{functions.DEPTH_BUDGET} levels deep" in calls
    assert f"choices within candidates more than {choosing.CHOICE_BUDGET}" in calls
    graphs = page("ARCH710").read_text("utf-8")
    assert f"{elaborate.NODE_BUDGET:,} nodes" in graphs
    assert f"{choosing.DECISION_BUDGET:,} decisions" in graphs
    assert f"{sets.SET_BUDGET:,} members" in page("ARCH712").read_text("utf-8")
    assert f"{expression_builder.MAX_DEPTH} levels, blocks at most {build.MAX_NESTING}" in page(
        "ARCH702"
    ).read_text("utf-8")
