"""The tables of the parser: built by Lark from `grammars/arch.lark`, and cached as JSON.

Lark takes about 0.1 s to turn the grammar into LALR(1) tables, as long as an entire `archdsl check` in a new
process should take, so the tables are cached across processes, in the user's cache folder. The format is JSON
instead of Lark's own cache format, since that is a pickle, and loading a pickle runs code. With cached
tables, Lark is not imported.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archdsl.resources import grammar_path

if TYPE_CHECKING:
    from lark import Lark
    from lark.grammar import Rule

COMMENT, STRAY, FIXED, END = "COMMENT", "STRAY", "FIXED", "$END"


@dataclass(frozen=True)
class GrammarRule:
    """A grammar rule in the form that the parser needs.

    `build` names the callback (the alias of the rule, else the rule); `size` is the number of symbols on the
    right-hand side. `pick` lists the callback's arguments, as indices from the end of the value stack: an
    index, an index whose value is a list to be spliced in (helper rules), or None for an absent `[optional]`.
    `mode` is "value" (call the callback), "pass" (the value of the only part), "list" or "extend" (helper
    rules).
    """

    origin: int
    size: int
    build: str
    mode: str
    pick: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Tables:
    """The tables of the parser.

    `symbols` numbers terminals and nonterminals. `actions[state][symbol]` is the next state (> 0), the
    negated number of a rule to reduce (< 0; rules count from 1, and those of mode "pass" come last), or 0 for
    an error. `scanner` is a regular expression with one group per terminal that has a pattern, and one group,
    FIXED, for all fixed spellings; `fixed` maps fixed spellings and keywords to their symbols.
    """

    symbols: tuple[str, ...]
    actions: tuple[tuple[int, ...], ...]
    start: int
    rules: tuple[GrammarRule, ...]
    scanner: str
    fixed: dict[str, int]


def load_tables() -> Tables:
    """The tables of the grammar, from the cache if available."""
    grammar = grammar_path().read_text(encoding="utf-8")
    file = _cache_file(grammar)
    kept = _read_cache(file)
    if kept is not None:
        return kept
    data = _describe(build_lark(grammar))
    _write_cache(file, data)
    return _decode(data)


def build_lark(grammar: str, *, strict: bool = False) -> Lark:
    """Lark's own parser of a grammar. Raises `lark.exceptions.GrammarError` for conflicts."""
    from lark import Lark

    return Lark(grammar, parser="lalr", lexer="basic", maybe_placeholders=True, strict=strict)


# ---------------------------------------------------------------- from Lark


def _describe(lark: Lark) -> dict[str, Any]:
    """The tables and terminals of a Lark parser as JSON data."""
    table = lark.parser.parser._parse_table
    terminals = [terminal.name for terminal in lark.terminals] + [END]
    nonterminals = sorted({rule.origin.name for rule in lark.rules})
    symbols = {name: number for number, name in enumerate(terminals + nonterminals)}
    states = _numbered(table, symbols)
    described = sorted(
        ((_describe_rule(rule, symbols), rule) for rule in lark.rules),
        key=lambda pair: pair[0]["mode"] == "pass",
    )
    rules = {rule: number for number, (_, rule) in enumerate(described, start=1)}
    done = len(states) + 1
    rows = [[0] * len(symbols) for _ in range(done + 1)]
    for state, actions in table.states.items():
        row = rows[states[state]]
        for name, (_, argument) in actions.items():
            row[symbols[name]] = states[argument] if argument in states else -rules[argument]
    # The end, once reached, stays reached: the scanner may say END twice.
    rows[states[table.end_states["start"]]][symbols[END]] = rows[done][symbols[END]] = done
    return {
        "symbols": list(symbols),
        "actions": rows,
        "start": 1,
        "rules": [data for data, _ in described],
        **_describe_scanner(lark, symbols),
    }


def _numbered(table: Any, symbols: dict[str, int]) -> dict[int, int]:
    """Numbers the states from 1 in the order of discovery: Lark's own numbers vary between processes."""
    found = [table.start_states["start"]]
    for state in found:
        for name in sorted(table.states[state], key=symbols.__getitem__):
            target = table.states[state][name][1]
            if target in table.states and target not in found:
                found.append(target)
    return {state: number for number, state in enumerate(found, start=1)}


def _describe_rule(rule: Rule, symbols: dict[str, int]) -> dict[str, Any]:
    size = len(rule.expansion)
    # Lark marks where an absent [optional] stood: True for it, False for each symbol that is there.
    marks = iter(rule.options.empty_indices or [False] * size)
    pick: list[tuple[str, int]] = []
    at = -size
    for absent in marks:
        if absent:
            pick.append(("none", 0))
            continue
        symbol = rule.expansion[at + size]
        if not getattr(symbol, "filter_out", False):  # an attribute of terminals only
            pick.append(("splice" if not symbol.is_term and symbol.name.startswith("_") else "value", at))
        at += 1
    mode = "value"
    if (
        size == 1
        and not rule.expansion[0].is_term
        and (pick[0][0] == "splice" or (rule.options.expand1 and not rule.alias))
    ):
        mode = "pass"
    elif rule.origin.name.startswith("_"):
        mode = "extend" if rule.expansion[0] == rule.origin else "list"
    return {
        "origin": symbols[rule.origin.name],
        "size": size,
        "build": rule.alias or rule.origin.name,
        "mode": mode,
        "pick": pick,
    }


def _describe_scanner(lark: Lark, symbols: dict[str, int]) -> dict[str, Any]:
    """One regular expression of Lark's terminals, in the order in which Lark's basic lexer tries them."""
    ordered = sorted(
        lark.terminals, key=lambda t: (-t.priority, -t.pattern.max_width, -len(t.pattern.value), t.name)
    )
    patterns = [t for t in ordered if t.pattern.type == "re"]
    spelled = [t for t in ordered if t.pattern.type == "str"]
    name = next(t for t in patterns if t.name == "NAME").pattern.to_regexp()
    keywords = [t for t in spelled if re.fullmatch(name, t.pattern.value)]
    fixed = [t.pattern.to_regexp() for t in spelled if t not in keywords]
    white = next(t for t in patterns if t.name == "WHITE").pattern.to_regexp()
    groups = [(t.name, t.pattern.to_regexp()) for t in patterns if t.name != "WHITE"]
    # A string without an end is skipped as a whole: from each quote in it the rest would be tried again.
    string = next(t for t in patterns if t.name == "STRING").pattern.to_regexp().removesuffix('"')
    groups += [(FIXED, "|".join(fixed)), (STRAY, rf"{string}|[\s\S]"), ("END", r"\Z")]
    return {
        "scanner": f"(?:{white})?+(?:" + "|".join(f"(?P<{n}>{p})" for n, p in groups) + ")",
        "fixed": {t.pattern.value: symbols[t.name] for t in spelled},
    }


def _decode(data: dict[str, Any]) -> Tables:
    return Tables(
        symbols=tuple(data["symbols"]),
        actions=tuple(map(tuple, data["actions"])),
        start=data["start"],
        rules=tuple(
            GrammarRule(r["origin"], r["size"], r["build"], r["mode"], tuple(map(tuple, r["pick"])))
            for r in data["rules"]
        ),
        scanner=data["scanner"],
        fixed=data["fixed"],
    )


# ---------------------------------------------------------------- the cache


def _cache_file(grammar: str) -> Path | None:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not os.path.isabs(base):  # "~/.cache" itself, where there is no home
        return None
    key = zlib.crc32(
        grammar.encode(), zlib.crc32(Path(__file__).read_bytes())
    )  # of the code that wrote it, too
    return Path(base) / "archdsl" / f"grammar-{len(grammar)}-{key:08x}.json"


def _read_cache(file: Path | None) -> Tables | None:
    """Reads the cached tables; None if the file is missing, damaged, or of another version."""
    if file is None:
        return None
    try:
        with file.open("rb") as stream:
            if hasattr(os, "getuid") and os.fstat(stream.fileno()).st_uid != os.getuid():
                return None
            checksum, _, payload = stream.read().partition(b"\n")
        if int(checksum) != zlib.crc32(payload):
            return None
        return _decode(json.loads(payload))
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _write_cache(file: Path | None, data: dict[str, Any]) -> None:
    """Writes the cache atomically; does nothing without a writable folder."""
    if file is None:
        return
    import tempfile  # seldom needed, and slow to import

    payload = json.dumps(data, separators=(",", ":")).encode()
    temporary = None
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=file.parent)  # readable by its owner only
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(b"%d\n%s" % (zlib.crc32(payload), payload))
        os.replace(temporary, file)
    except OSError:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)
