"""Specs with random damage: a finding or a file, never another exception."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.diagnostics import Diagnostic, Source, SpecError
from archdsl.lang import format_source, load, parse
from random_specs import tokens

SPECS = Path(__file__).resolve().parent.parent.parent / "specs"


@cache
def shipped() -> list[str]:
    return [path.read_text("utf-8") for path in sorted(SPECS.rglob("*.arch"))]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A shipped spec with some of its tokens deleted, doubled, swapped or replaced by others."""
    text = draw(st.sampled_from(shipped()))
    spans = [token.span(token.lastindex or 0) for token in tokens(text)]
    first = draw(st.integers(0, len(spans) - 1))
    spans = spans[first : first + 60] if draw(st.booleans()) else spans
    words = [text[slice(*span)] for span in spans]
    for _ in range(draw(st.integers(1, 4))):
        at, other = draw(st.integers(0, len(words) - 1)), draw(st.integers(0, len(words) - 1))
        kind = draw(st.sampled_from(["delete", "double", "swap", "copy"]))
        if kind == "delete" and len(words) > 1:
            del words[at]
        elif kind == "double":
            words.insert(at, words[at])
        elif kind == "swap":
            words[at], words[other] = words[other], words[at]
        else:
            words[at] = words[other]
    between = draw(st.sampled_from([" ", "\n"]))
    return ("arch 1\n" if first else "") + between.join(words)


@st.composite
def corrupted(draw: st.DrawFn) -> bytes:
    """A shipped spec with some of its bytes changed."""
    data = bytearray(draw(st.sampled_from(shipped())).encode())
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 1))
        piece = draw(st.binary(max_size=3) | st.sampled_from([b"{", b"(", b'"', b"#", b"\n", b"\\", b"="]))
        data[at : at + draw(st.integers(0, 8))] = piece
    return bytes(data)


def refusal(read: Callable[[], object]) -> tuple[Diagnostic, ...]:
    """The findings that `read` ends with; none where it succeeds."""
    try:
        read()
    except SpecError as error:
        return error.diagnostics
    return ()


def are_at_different_places(found: tuple[Diagnostic, ...]) -> bool:
    places = [(d.primary.location.start, d.primary.location.end) for d in found if d.primary is not None]
    return len(set(places)) == len(places)


def is_about_text(found: Diagnostic) -> bool:
    """Whether a finding has a place and is one of files, syntax or limits."""
    return found.primary is not None and found.code[:5] in ("ARCH0", "ARCH1", "ARCH7")


@settings(max_examples=100, deadline=None)
@given(damaged())
def test_a_spec_with_damaged_tokens_is_read_or_refused(text: str):
    source = Source("damaged.arch", text)
    found = refusal(lambda: parse(source))
    assert all(map(is_about_text, found))
    assert are_at_different_places(found)
    if not found:
        assert parse(Source("formatted.arch", format_source(source))) == parse(source)


@settings(max_examples=60, deadline=None)
@given(data=corrupted())
def test_a_file_with_damaged_bytes_is_loaded_or_refused(tmp_path_factory, data: bytes):
    path = tmp_path_factory.getbasetemp() / "corrupted.arch"
    path.write_bytes(data)
    assert all(map(is_about_text, refusal(lambda: load(path))))


MARKS = [*'{}()[]x=,#\n".3:;-', "->", ".."]
FRAGMENTS = st.sampled_from([*MARKS, "one", "of", "in", "if", "stage", "space", "op"])
HEADS = st.sampled_from(["", "arch 1\n", "arch 1\nspace S {\n"])


@settings(max_examples=150, deadline=None)
@given(HEADS, st.text(max_size=60) | st.lists(FRAGMENTS).map(" ".join))
def test_any_text_is_read_or_refused(head: str, text: str):
    source = Source("any.arch", head + text)
    found = refusal(lambda: parse(source))
    assert all(map(is_about_text, found))
    assert are_at_different_places(found)
