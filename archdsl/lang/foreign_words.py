"""Words and operators of other languages, with the help that says what to write instead."""

from __future__ import annotations

_LOOP = "write a loop as a stage: stage NAME for i in 1..4 {…}"
_CHOOSE = "write a conditional value: y = a if condition else b"
_FUNCTION = "write op NAME(x; c = 8) = x -> conv(c = c), or cell NAME(x) {…}"
_NETWORK = "write network NAME {…}, or space NAME {…} if it contains choices"
_SEARCHED = "write search NAME for SPACE {…}"
_PLAIN = "assign with `=`: x = …"
_REQUIRE = "write require CONDITION"
_COMMENT = "a comment starts with #"
_IMPORT = 'write import NAME, OTHER from "std/ops.arch"'
STATEMENTS = {
    "for": _LOOP, "while": _LOOP, "foreach": _LOOP, "loop": _LOOP,
    "repeat": "a stage needs a name: stage NAME repeat 3 {…}",
    "if": _CHOOSE, "elif": _CHOOSE, "else": _CHOOSE, "unless": _CHOOSE, "switch": _CHOOSE, "match": _CHOOSE,
    "case": _CHOOSE,
    "def": _FUNCTION, "fn": _FUNCTION, "func": _FUNCTION, "function": _FUNCTION, "fun": _FUNCTION,
    "block": _FUNCTION, "macro": _FUNCTION,
    "do": _LOOP, "until": _LOOP, "async": _FUNCTION, "proc": _FUNCTION, "sub": _FUNCTION,
    "class": _NETWORK, "model": _NETWORK, "module": _NETWORK, "net": _NETWORK, "graph": _NETWORK,
    "digraph": _NETWORK, "strict": _NETWORK, "struct": _NETWORK, "architecture": _NETWORK,
    "backbone": _NETWORK, "encoder": _NETWORK, "decoder": _NETWORK, "supernet": _NETWORK,
    "experiment": _SEARCHED, "study": _SEARCHED, "config": _SEARCHED, "task": _SEARCHED,
    "layer": "layers are applied in chains: y = x -> conv(c = 8) -> bn -> relu",
    "node": "layers are applied in chains: y = x -> conv(c = 8) -> bn -> relu",
    "let": _PLAIN, "var": _PLAIN, "const": _PLAIN, "val": _PLAIN, "auto": _PLAIN, "set": _PLAIN,
    "local": _PLAIN, "static": _PLAIN, "final": _PLAIN, "mut": _PLAIN, "define": _PLAIN,
    "constant": _PLAIN, "param": _PLAIN, "global": "names need no declaration: remove this line",
    "del": "names cannot be deleted: remove this line",
    "end": "a block ends with `}`: remove this word", "endfor": "a block ends with `}`: remove this word",
    "pass": "empty bodies need no statement: remove this line",
    "break": "a stage has no early end: choose its depth, y = x[depth]",
    "continue": "write a conditional value: x = a if condition else b",
    "print": "specs print nothing: `archdsl explain FILE` shows sizes and layers",
    "assert": _REQUIRE, "constraint": _REQUIRE, "subject": _REQUIRE, "where": _REQUIRE,
    "subject_to": _REQUIRE, "such": _REQUIRE, "ensure": _REQUIRE, "requires": _REQUIRE,
    "min": "write minimize VALUE", "argmin": "write minimize VALUE", "minimise": "write minimize VALUE",
    "max": "write maximize VALUE", "argmax": "write maximize VALUE", "maximise": "write maximize VALUE",
    "objective": "write minimize VALUE or maximize VALUE",
    "objectives": "write minimize VALUE or maximize VALUE",
    "type": "settings have the types int, float, bool, str and op: op NAME(x; c: int)",
    "enum": "write a set: KINDS = {a, b}",
    "export": "all declarations of a file can be imported: remove this word",
    "public": "all declarations of a file can be imported: remove this word",
    "require": None, "from": _IMPORT, "import": _IMPORT, "use": _IMPORT, "include": _IMPORT,
    "using": _IMPORT, "package": "a file does not declare its name: remove this line",
    "namespace": "a file does not declare its name: remove this line",
    "rem": "a comment starts with #",
}  # fmt: skip
MARKS = (
    ("<!--", _COMMENT), ("///", _COMMENT), ("/*", _COMMENT),
    ('""' + '"', _COMMENT + '; strings have one `"` on each side'),
    ("|>", "write `->`"), ("%>%", "write `->`"), ("-->", "write `->`"), ("~>", "write `->`"),
    (">>", "write `->`"), ("=>", "write `->` to apply an op, `=` to assign"), ("-<", "write `->`"),
    ("<<", "write `->`: x -> conv"), ("||", "write `or`"), ("**=", "write x = x ** 2"),
    ("//=", "write x = x // y"), ("<>", "write `!=`"),
    ("===", "write `==`"), ("!==", "write `!=`"), ("=<", "write `<=`"), ("<-", "write `=`"),
    ("..<", "both ends are included: 1..2 for 1 and 2"), ("..=", "write `..`; both ends are included"),
    ("...", "write `..`"), ("++", "write x = x + 1"), ("--", _COMMENT + "; a difference is a - b"),
    ("::", "write `.`"), ("?:", "write `a if condition else b`"), ("??", "write `a if defined(a) else b`"),
    ("?.", "write defined(x) to ask whether x exists"),
)  # fmt: skip
"""Operators of other languages, of two or more characters, with the help that says what to write instead."""
