"""Pages, messages and docstrings use the terms of the field: phrases that had to be translated stay out."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PHRASES = {
    r"\b(is|are|was|were) told\b": "write `shows`, `reports`, `distinguished`",
    r"\b(is|are|was|were) said\b": "write `shows`, `reports`, `raises`",
    r"\b(come|comes|came) by\b": "write `derived`, `chosen`, `reached`",
    r"\bwhat is (not )?given\b": "name it: options, arguments, settings",
    r"\bas it was\b": "write `unchanged`",
    r"\b(go|goes|going|went|gone) on\b": "write `resume` or `continue`",
    r"\bfrom nothing\b": "write `from scratch`",
    r"\bfor a little\b": "write `on a short schedule`",
    r"(?<!there )\b(is|are) no (?!more|less|longer|better|worse|further)\w+": "write `is not a …`",
    r"\blikeliest\b": "write `most probable`",
    r"\bmean network\b": "write `expected cost`",
    r"\bwhole numbers?\b": "write `integer`",
    r"\bclasses apart\b": "write `predicts N classes`",
    r"\bat its place\b": "write `with its location`",
    r"\bshort for\b": "write `shorthand for`",
    r"\bto validate on\b": "write `validation images`",
    r"\bverbs?\b": "write `command`",
    r"\bpassed over\b": "write `skipped`",
    r"(?<!\.)(?<!def )\b(dearest|greatest)\b": "write `most expensive`, `largest`, `maximum`",
    r"\bthere are \{": "write `available: {…}`",
    r", this is \{": "write `expected …, got {…}`",
    r"` cannot be \{": "write `must be …, got {…}`",
    r"\bis needed here\b": "write `expected …, got …`",
    r"\bcomes? out as\b": "write `has the outcome`",
    r"\bthere (is|are) no such\b": "write `unknown …`, `not found`",
    r"\bno worse\b": "write `at least as good`",
    r"\bone after the other\b": "write `sequentially`, `in order`, `individually`",
    r"\bmade anew\b|\bcomputed anew\b|\btrained anew\b": "write `recomputed`, `trained again`",
    r"\bmiss(es|ed)? (a|the|its) requirements?\b": "write `violates a requirement`",
    r"\bchances? that\b": "write `probability that`",
    r"\b(is|are|was) refused\b": "write `is rejected`",
    r"\bleave (it|them) out\b": "write `omit`, `remove`",
    r"\bone a line\b": "write `one per line`",
    r"\b(of|from) yours\b": "write `of the user`, `your program`",
    r"\bpays( off)?\b": "say what is faster or smaller",
    r"\bplain values\b": "write `JSON values`",
    r"\bstatement of its own\b": "write `a separate statement`",
    r"\bsets? off for\b": "write `falls back to`, `begins`",
    r"\bcounted apart\b": "write `counted separately`",
    r"\bspecs that ship\b": "write `shipped specs`",
    r"\bcontext (in which|that)\b": "write `a context manager in which`",
}

FILES = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "archdsl").rglob("*.py")]


@pytest.mark.parametrize("phrase", PHRASES)
def test_phrases_that_are_not_the_fields_do_not_come_back(phrase: str):
    found = [
        f"{file.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
        for file in FILES
        for text in [file.read_text("utf-8")]
        for match in re.finditer(phrase, text, re.IGNORECASE)
    ]
    assert found == [], PHRASES[phrase]


def test_no_file_has_markers_of_a_merge():
    mark = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
    endings = {".py", ".md", ".arch", ".toml", ".json", ".yml", ".txt"}
    rooms = ("archdsl", "benchmarks", "docs", "specs", "tests", "zoo")
    files = [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *(f for room in rooms for f in (ROOT / room).rglob("*")),
    ]
    marked = [
        str(file.relative_to(ROOT))
        for file in files
        if file.suffix in endings and mark.search(file.read_text("utf-8"))
    ]
    assert not marked
