"""How diagnostics are printed for people, programs and code hosts."""

from __future__ import annotations

import io
import json

from hypothesis import given
from hypothesis import strategies as st

from archdsl.diagnostics import Diagnostic, Fix, Label, Location, Source
from archdsl.render import json as json_form
from archdsl.render import sarif, text
from archdsl.render.terminal import ANSI, PLAIN, char_width, palette

SUM = Source(
    "specs/sum.arch",
    "arch 1\n\ncell Sum(x) {\n  return x -> conv(k = 3) + x -> conv(k = 5)\n}\n",
)


def at(source: Source, piece: str, said: str = "") -> Label:
    start = source.text.index(piece)
    return Label(Location(source, start, start + len(piece)), said)


def one(primary: Label | None, **more: object) -> Diagnostic:
    return Diagnostic("ARCH105", "`+` after a chain", primary, **more)  # type: ignore[arg-type]


def shown(*diagnostics: Diagnostic, width: int = 120) -> list[str]:
    return text.render(diagnostics, width=width).splitlines()


# ---------------------------------------------------------------- text


def test_a_diagnostic_looks_as_the_language_reference_shows_it():
    found = one(at(SUM, "+"), help="add parentheses around each chain: (x -> f) + (y -> g)")
    assert text.render([found]) == (
        "error[ARCH105]: `+` after a chain\n"
        " --> specs/sum.arch:4:27\n"
        "  |\n"
        "4 |   return x -> conv(k = 3) + x -> conv(k = 5)\n"
        "  |                           ^\n"
        "  = help: add parentheses around each chain: (x -> f) + (y -> g)\n"
    )


def test_the_whole_span_is_underlined_and_its_label_stands_behind():
    assert "  |          ^^^^^^^^^^^^^^^ the chain" in shown(one(at(SUM, "x -> conv(k = 3", "the chain")))


def test_secondary_places_have_their_own_strokes_and_gaps_are_marked():
    rows = shown(one(at(SUM, "+"), secondary=(at(SUM, "arch 1", "version one"),)))
    assert rows[2:] == [
        "  |",
        "1 | arch 1",
        "  | ------ version one",
        "...",
        "4 |   return x -> conv(k = 3) + x -> conv(k = 5)",
        "  |                           ^",
    ]


def test_a_single_line_between_two_shown_lines_is_shown_rather_than_elided():
    rows = shown(one(at(SUM, "}"), secondary=(at(SUM, "cell", "opened here"),)))
    assert "4 |   return x -> conv(k = 3) + x -> conv(k = 5)" in rows
    assert "..." not in rows


def test_a_place_in_another_file_names_that_file():
    library = Source("std/ops.arch", "arch 1\nop sep(x) = x\n")
    rows = shown(one(at(SUM, "conv"), secondary=(at(library, "sep", "defined here"),)))
    assert rows[5:] == [" ::: std/ops.arch:2:4", "  |", "2 | op sep(x) = x", "  |    --- defined here"]


def test_a_span_of_several_lines_is_bracketed_and_a_long_one_shortened():
    long = Source("a.arch", "stage body {\n" + "  x = y\n" * 20 + "}\n")
    rows = shown(one(Label(Location(long, 0, len(long.text) - 1), "never read")))
    assert rows[2:] == [
        "   |",
        " 1 | / stage body {",
        " 2 | |   x = y",
        " 3 | |   x = y",
        "...",
        "21 | |   x = y",
        "22 | | }",
        "   | |_^ never read",
    ]


def test_the_trace_runs_from_the_place_outwards_and_the_witness_before_the_help():
    found = one(
        at(SUM, "+"),
        trace=(at(SUM, "cell", "in round i = 3 of stage body"), at(SUM, "return")),
        witness=(("body[3].n1.1", "sep3"), ("depth", "4")),
        help="one line",
    )
    assert shown(found)[-4:] == [
        "  = called from specs/sum.arch:4:3",
        "  = in round i = 3 of stage body (specs/sum.arch:3:1)",
        "  = decisions: body[3].n1.1 = sep3, depth = 4",
        "  = help: one line",
    ]


def test_a_long_trace_ends_with_the_number_of_steps_left_out():
    rows = shown(one(at(SUM, "+"), trace=tuple(at(SUM, "cell", f"step {i}") for i in range(25))))
    assert rows[-1] == "  = … 15 more"


def test_a_long_witness_is_broken_between_decisions():
    rows = shown(one(None, witness=tuple((f"d[{i}]", "a") for i in range(30))), width=60)
    assert all(len(row) <= 60 for row in rows)
    assert rows[2].startswith("               d[")
    assert not rows[1].endswith(" ")


def test_without_a_place_there_is_only_the_headline_and_the_notes():
    assert shown(one(None, severity="warning", help="a\nb")) == [
        "warning[ARCH105]: `+` after a chain",
        "  = help: a",
        "          b",
    ]


def test_a_fix_stands_in_for_a_missing_help_line():
    fix = Fix("write `-`", ((at(SUM, "+").location, "-"),))
    assert shown(one(at(SUM, "+"), fix=fix))[-1] == "  = help: write `-`"


def test_tabs_and_wide_characters_keep_the_caret_below_its_text():
    source = Source("a.arch", "\tx = 漢字 + bad")
    rows = shown(one(at(source, "bad")))
    line, caret = rows[3].removeprefix("1 | "), rows[4].removeprefix("  | ")
    before = line[: line.index("bad")]
    assert caret == " " * sum(map(char_width, before)) + "^^^"
    assert before == "    x = 漢字 + "


def test_of_a_very_long_line_only_the_surroundings_are_shown():
    source = Source("a.arch", "a" * 100_000 + "BAD" + "b" * 100_000)
    rows = shown(one(at(source, "BAD")), width=80)
    assert all(len(row) <= 80 for row in rows)
    line, caret = rows[3], rows[4]
    assert line[caret.index("^") : caret.rindex("^") + 1] == "BAD"
    assert line.endswith("…")


def test_escape_sequences_and_direction_marks_of_a_spec_never_reach_the_terminal():
    source = Source("a\x1b.arch", "x = \x1b[2J\u202e y")
    printed = text.render([Diagnostic("ARCH105", "bad \x1b[31m", at(source, "y", "\x07"))])
    assert not set("\x1b\x07\u202e") & set(printed)


def test_the_end_of_an_empty_file_can_be_pointed_at():
    assert shown(one(Label(Location(Source("e.arch", ""), 0, 0))))[-2:] == ["1 |", "  | ^"]


def test_colours_add_nothing_but_escape_sequences():
    found = one(at(SUM, "+", "here"), secondary=(at(SUM, "cell"),), help="h")
    coloured = text.render([found], colors=ANSI)
    for code in vars(ANSI).values():
        coloured = coloured.replace(code, "")
    assert coloured == text.render([found])


def test_colours_are_for_terminals_and_obey_no_color(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert palette(io.StringIO()) is PLAIN
    assert palette(Terminal()) is ANSI
    monkeypatch.setenv("NO_COLOR", "1")
    assert palette(Terminal()) is PLAIN


def test_findings_are_counted_by_severity():
    found = [one(None), one(None), one(None, severity="warning")]
    assert text.count(found) == "2 errors, 1 warning"
    assert text.count([]) == ""


@st.composite
def diagnostics(draw: st.DrawFn) -> Diagnostic:
    source = Source(draw(st.text(max_size=8)), draw(st.text(alphabet=st.sampled_from("ab\t\n\r漢é\x1b{} "))))

    def label() -> Label:
        start = draw(st.integers(0, len(source.text)))
        return Label(
            Location(source, start, draw(st.integers(start, len(source.text)))), draw(st.text(max_size=5))
        )

    return Diagnostic(
        "ARCH105",
        draw(st.text(max_size=9)),
        label(),
        secondary=tuple(label() for _ in range(draw(st.integers(0, 3)))),
        trace=tuple(label() for _ in range(draw(st.integers(0, 2)))),
        fix=Fix("mend", tuple((label().location, "x") for _ in range(draw(st.integers(0, 2))))),
    )


@given(diagnostics(), st.integers(30, 130))
def test_any_diagnostic_can_be_printed_in_every_form(found: Diagnostic, width: int):
    printed = text.render([found], width=width)
    assert printed.startswith("error[ARCH105]: ")
    assert "\x1b" not in printed
    assert json.loads(json_form.render([found]))["diagnostics"][0]["headline"] == found.headline
    assert json.loads(sarif.render([found], version="0"))["runs"][0]["results"][0]["ruleId"] == "ARCH105"


# ---------------------------------------------------------------- JSON


def test_json_holds_every_field_with_lines_columns_and_offsets():
    found = one(
        at(SUM, "+", "here"),
        witness=(("depth", "4"),),
        fix=Fix("write `-`", ((at(SUM, "+").location, "-"),)),
    )
    whole = json.loads(json_form.render([found]))
    assert (whole["format"], whole["version"]) == ("archdsl/diagnostics", 1)
    (got,) = whole["diagnostics"]
    offset = SUM.text.index("+")
    place = {
        "file": "specs/sum.arch",
        "start": {"line": 4, "column": 27, "offset": offset},
        "end": {"line": 4, "column": 28, "offset": offset + 1},
    }
    assert got["primary"] == {"text": "here", "location": place}
    assert got["witness"] == [{"decision": "depth", "outcome": "4"}]
    assert got["fix"] == {"title": "write `-`", "edits": [{"location": place, "text": "-"}]}
    assert (got["code"], got["severity"], got["secondary"], got["help"]) == ("ARCH105", "error", [], None)


# ---------------------------------------------------------------- SARIF


def test_sarif_has_rules_regions_related_places_and_fixes():
    found = one(
        at(SUM, "+", "here"),
        secondary=(at(SUM, "cell", "in this cell"),),
        trace=(at(SUM, "return"),),
        witness=(("depth", "4"),),
        fix=Fix("write `-`", ((at(SUM, "+").location, "-"),)),
    )
    log = json.loads(sarif.render([found, one(None, severity="note")], version="1.2.3"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["tool"]["driver"]["version"] == "1.2.3"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["ARCH105"]
    first, second = run["results"]
    region = {"startLine": 4, "startColumn": 27, "endLine": 4, "endColumn": 28}
    physical = {"artifactLocation": {"uri": "specs/sum.arch"}, "region": region}
    assert first["locations"] == [{"physicalLocation": physical}]
    assert first["level"] == "error"
    assert [r["id"] for r in first["relatedLocations"]] == [1, 2]
    assert first["properties"] == {"decisions": {"depth": "4"}}
    assert first["fixes"][0]["artifactChanges"][0]["replacements"] == [
        {"deletedRegion": region, "insertedContent": {"text": "-"}}
    ]
    assert second["locations"] == []
    assert second["level"] == "note"


def test_sarif_quotes_file_names_and_escapes_what_looks_like_a_link():
    source = Source("my specs/a.arch", "x[1](y)")
    log = json.loads(sarif.render([Diagnostic("ARCH105", "x[1](y) is odd", at(source, "y"))], version="0"))
    (result,) = log["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "my%20specs/a.arch"
    assert result["message"]["text"] == "x\\[1\\](y) is odd"
