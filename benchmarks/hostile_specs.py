# ruff: noqa: E501  # forms of statements and commands, one a line
"""Hostile specs, a text for each case number: damaged, spliced, repeated and grown ones.

The same seed and number give the same text.  Texts are small: what takes time is found by what grows faster
than its text, not by large texts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from archdsl import ops
from archdsl.resources import errors_folder, specs_folder

_BLOCK = re.compile(r"^```arch\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TOKEN = re.compile(
    r'[A-Za-z_]\w*|\d+(?:\.\d+)?|"(?:[^"\\\n]|\\.)*"|#[^\n]*|->|\.\.|[<>=!]=|\s+|.', re.DOTALL
)
_NUMBER = re.compile(r"\d+(\.\d+)?")

PLAIN = ("0", "1", "2", "3", "4", "6", "8", "7", "5", "-1", "-2", "16", "0.5", "1.5", "10 - 10", "99999")
NUMBERS = (
    "0", "1", "2", "3", "4", "6", "8", "7", "5", "-1", "-2", "0.5", "1.5", "2.0", "0.0", "1e-9", "1e9", "99999",
    "1000000", "999999999999999999", "1000000000000000000", "1e300", "true", "false", '"4"', "4K", "2 ms", "[2, 2]",
    "{1, 2}", "(a = 1)", "relu", "nothing?", "nothing[1]?", "10 - 10", "1 / 3", "0 * 1", "8 / 3 * 3",
)  # fmt: skip
PLAIN_CHOICES = (
    "{1, 2}",
    "{0, 1}",
    "{0, 1, 4}",
    "{-1, 2}",
    "{1..3}",
    "{0..2}",
    "{2, 4, 8}",
    "{1, 4}",
    "{0.5, 2}",
    "{4}",
)
CHOICES = (
    "{1, 2}", "{0, 1}", "{0, 1, 4}", "{-1, 2}", "{1..3}", "{0..2}", "{2, 4, 8}", "{0.5, 2}", "{1, 1.5}", "{true, false}",
    "{true, 1}", '{"a", "b"}', "{1K, 2}", "{1, 999999999999999999}", "{a: 1, b: nothing?}", "{4}", "{0}",
    "{2..200}", "{0.1, 0.2, 0.3}",
)  # fmt: skip
ARITHMETIC = ("+", "-", "*", "/", "*", "-", "//", "%", "**")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
FUNCTIONS = ("max", "min", "floor", "round")
PIECES = (
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    '"',
    "\\",
    "#",
    "\n",
    "=",
    ",",
    "->",
    "..",
    "?",
    ":",
    ";",
    "\x00",
    "é",
    "\x1b",
)


def corpus(*more: Path) -> list[str]:
    """Shipped specs, the examples of the error pages, and what lies in folders beside them."""
    texts = [path.read_text("utf-8") for path in sorted(specs_folder().rglob("*.arch"))]
    for page in sorted(errors_folder().glob("*.md")):
        texts += _BLOCK.findall(page.read_text("utf-8"))
    for folder in more:
        texts += [path.read_text("utf-8") for path in sorted(folder.rglob("*.arch"))]
    return texts


class Hostile:
    """The cases of a seed."""

    def __init__(self, seed: int, texts: Sequence[str]):
        self.seed, self.texts = seed, texts
        self.tokens = [_TOKEN.findall(text) for text in texts]
        self.small = [n for n, tokens in enumerate(self.tokens) if len(tokens) < 400]

    def case(self, number: int) -> tuple[str, str]:
        """The kind and the text of a case."""
        rng = random.Random(f"{self.seed}:{number}")
        kind = rng.choices(list(_KINDS), [weight for weight, _ in _KINDS.values()])[0]
        return kind, _KINDS[kind][1](self, rng)

    def pick(self, rng: random.Random) -> list[str]:
        """The tokens of a text: a small one most of the time."""
        number = rng.choice(self.small) if rng.random() < 0.97 else rng.randrange(len(self.tokens))
        return list(self.tokens[number])


def _damaged(hostile: Hostile, rng: random.Random) -> str:
    """Tokens deleted, doubled, swapped, or replaced by others of the same or another text, or by hostile numbers."""
    tokens = hostile.pick(rng)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 5))):
        solid = [n for n, t in enumerate(tokens) if not t.isspace()]
        if not solid:
            break
        at, other = rng.choice(solid), rng.choice(solid)
        match rng.randrange(7):
            case 0:
                del tokens[at]
            case 1:
                tokens.insert(at, tokens[at])
            case 2:
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case 3:
                tokens[at] = tokens[other]
            case 4:
                tokens[at] = rng.choice(rng.choice(hostile.tokens))
            case 5:
                tokens[at] = rng.choice(PIECES)
            case _:
                numbers = [n for n in solid if _NUMBER.fullmatch(tokens[n])] or solid
                tokens[rng.choice(numbers)] = f"({expression(rng, ['image.c', 'x.h'], 1)})"
    return "".join(tokens)


def _numbered(hostile: Hostile, rng: random.Random) -> str:
    """A text that is well-formed, with other numbers."""
    tokens = hostile.pick(rng)
    numbers = [n for n, t in enumerate(tokens) if _NUMBER.fullmatch(t)][1:]
    for at in rng.sample(numbers, min(len(numbers), rng.choice((1, 1, 2, 3)))):
        tokens[at] = (
            _value(rng) if rng.random() < 0.6 else rng.choice(("zz", "(zz)", "(zz * zz)", "(zz - 1)"))
        )
    text = "".join(tokens)
    return re.sub(r"\n( *input [^\n]*)", rf"\n\1\n  zz = one of {_choices(rng)}", text, count=1)


def _value(rng: random.Random) -> str:
    return rng.choice(PLAIN if rng.random() < 0.85 else NUMBERS)


def _choices(rng: random.Random) -> str:
    return rng.choice(PLAIN_CHOICES if rng.random() < 0.85 else CHOICES)


def _spliced(hostile: Hostile, rng: random.Random) -> str:
    """Lines of one text among those of another."""
    lines = "".join(hostile.pick(rng)).split("\n")
    others = "".join(hostile.pick(rng)).split("\n")
    for _ in range(rng.randint(1, 3)):
        at, start = rng.randrange(len(lines)), rng.randrange(len(others))
        lines[at : at + rng.randint(0, 2)] = others[start : start + rng.randint(1, 4)]
    return "\n".join(lines)


def _corrupted(hostile: Hostile, rng: random.Random) -> str:
    """Bytes changed, as far as they are still a text."""
    data = bytearray("".join(hostile.pick(rng)).encode())
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        data[at : at + rng.randint(0, 4)] = rng.randbytes(rng.randint(0, 3))
    return data.decode("utf-8", errors="replace")


def _repeated(hostile: Hostile, rng: random.Random) -> str:
    """A piece of a text many times over, so that what grows faster than the text is seen."""
    tokens = hostile.pick(rng)
    at = rng.randrange(len(tokens))
    piece = "".join(tokens[at : at + rng.choice((1, 1, 2, 4, 10, 40))])
    most = 20_000 if rng.random() < 0.05 else 2_000
    times = min(rng.choice((2, 10, 60, 300, 3_000)), most // max(1, len(piece)) + 1)
    return "".join(tokens[:at]) + piece * times + "".join(tokens[at:])


def _grown(hostile: Hostile, rng: random.Random) -> str:
    """A space or network of statements, with hostile values at every setting of the primitives."""
    sizes = rng.choice(("3, 8, 8", "4, 16, 12", "6, 12, 20", "1, 1, 1", "5, 7, 9", _value(rng) + ", 8, 8"))
    names, tensors, lines = ["image.c", "image.h"], ["image"], [f"input image: [{sizes}]"]
    for _ in range(rng.choice((1, 2, 3, 4, 6, 9))):
        _STATEMENTS[rng.randrange(len(_STATEMENTS))](rng, names, tensors, lines)
    lines.append(f"output y = {rng.choice(tensors[-3:])}")
    if rng.random() < 0.15:
        lines.append(f"require {condition(rng, [*names, 'macs', 'params', '1M'], 2)}")
    kind = "space" if rng.random() < 0.85 else "network"
    return "arch 1\n" + _HEAD + f"{kind} S {{\n  " + "\n  ".join(lines) + "\n}\n"


_HEAD = """op plain(x; c: int = x.c, k: int = 3, n = 1, b: bool = true) = x -> conv(c = c, k = k, bias = b) -> relu
op loose(x; n = 4) { y = (x -> conv(c = n)) if x.c == 4 else (x -> relu)  return y -> plain(c = n) }
cell Join(a, b) { return concat(a, b -> resize(like = a)) }
cell Pair(a; c = 4) { k = one of {relu, conv(c = c), zero}  return a -> k }
OPS = {relu, conv, max_pool(s = 2), identity}
"""


def _number(rng: random.Random, names: list[str], tensors: list[str], lines: list[str]) -> None:
    name = f"n{len(lines)}"
    value = f"one of {_choices(rng)}" if rng.random() < 0.6 else expression(rng, names, 2)
    lines.append(f"{name} = {value}")
    names.append(name)


def _applied(rng: random.Random, names: list[str], tensors: list[str], lines: list[str]) -> None:
    """A primitive, with some of its settings."""
    primitive = rng.choice(_PRIMITIVES)
    settings = [
        f"{s.name} = {_setting(rng, s.kind, names, s.choices)}"
        for s in primitive.settings
        if rng.random() < (0.95 if s.default is None and not s.optional else 0.35)
    ]
    if primitive.tensor_settings and rng.random() < 0.4:
        settings.append(f"like = {rng.choice(tensors)}")
    inputs = primitive.arity[0] + (rng.randint(0, 2) if primitive.arity[1] is None else 0)
    arguments = ", ".join([rng.choice(tensors[-4:]) for _ in range(inputs)] + settings)
    _define(rng, f"{primitive.name}({arguments})", tensors, lines)
    names.append(f"{tensors[-1]}.{rng.choice('chw')}")


def _setting(rng: random.Random, kind: str, names: list[str], choices: Sequence[str]) -> str:
    if rng.random() < 0.04:
        return rng.choice(NUMBERS)
    if choices and rng.random() < 0.9:
        return f'"{rng.choice(choices)}"'
    if kind == "bool":
        return rng.choice(("true", "false", condition(rng, names, 1)))
    if kind == "ints":
        return f"[{expression(rng, names, 1)}, {expression(rng, names, 1)}]"
    return expression(rng, names, rng.choice((0, 1, 2)))


def _called(rng: random.Random, names: list[str], tensors: list[str], lines: list[str]) -> None:
    t, u, n = rng.choice(tensors[-4:]), rng.choice(tensors), expression(rng, names, 1)
    forms = (
        f"{t} -> plain(c = {n})", f"{t} -> plain(k = {n}, n = {n})", f"{t} -> loose(n = {n})", f"Join({t}, {u})",
        f"Pair({t}, c = {n})", f"{t} -> one of OPS", f"{t} -> plain(b = {n})", f"{t} + {u}", f"mul({t}, {u})",
        f"{t} {rng.choice(ARITHMETIC)} {u}", f"{t} {rng.choice(ARITHMETIC)} {n}", f"{n} {rng.choice(ARITHMETIC)} {t}", f"-{t}",
        f"{t} if {n} == 1 else {u}", f"{t} if {n} else ({u} -> conv(c = {n}))", "once Pair", f"fold(Join, {{{t}, {u}}})",
        f"concat({t} -> split(n = {n}))", f"concat(split({t}))",
    )  # fmt: skip
    _define(rng, rng.choice(forms), tensors, lines)


def _chosen(rng: random.Random, names: list[str], tensors: list[str], lines: list[str]) -> None:
    t, u, n = rng.choice(tensors[-4:]), rng.choice(tensors), expression(rng, names, 1)
    forms = (
        f"one of {{a: {t}, b: {u}}}", f"one of {{a: {t} -> conv(c = {n}), b: {t}}}", f"any 2 of {{a: {t}, b: {u}, c: image}}",
        f"{t} -> one of {{a: conv(c = {n}), b: relu, c: max_pool(k = {n}, s = 2)}}", f"add(any 1 of {{p: {t}, q: {u}}})",
        f"concat(unused({{{t}, {u}}}))", f"any {n} of {{a: {t}, b: {u}, c: image}}", f"concat(some of {{a: {t}, b: {u}}})",
        f"one of ({{a: {t}, b: {u}}} - {{a: {u}}})", f"{t} if defined({u}[{n}]) else {u}", f"{t} -> (relu -> conv(c = {n}))",
        f"{t} -> concat({u})", f"fold(add, unused({{p: {t}, q: {u}}}))", f"one of {{a: {t}, b: nothing[{n}]?}}",
    )  # fmt: skip
    _define(rng, rng.choice(forms), tensors, lines)


def _staged(rng: random.Random, names: list[str], tensors: list[str], lines: list[str]) -> None:
    x, t, n = f"x{len(lines)}", rng.choice(tensors), expression(rng, names, 1)
    last = rng.choice(("2", "3", "4", "1", "0", n))
    body = rng.choice((
        f"{x}[i] = {x}[i - 1] -> conv(c = {n})", f"{x}[i] = {x}[i - 1] -> one of OPS", f"{x}[i] = Pair({x}[i - 1], c = i)",
        f"{x}[i] = {x}[i - 1] -> plain(c = i * {n}, k = i)", f"stage r for r in [(c = {n}), (c = i)] {{ {x}[i] = {t} -> conv(c = r.c) }}", f"{x}[i] = (one of {x}[0..i - 1]) -> relu",
    ))  # fmt: skip
    lines += [f"{x}[0] = {t}", f"stage s{x} for i in 1..{last} {{ {body} }}"]
    if rng.random() < 0.5:
        lines.append(f"at{x} = one of {{0..{last}}}")
        names.append(f"at{x}")
    index = rng.choice((last, f"at{x}", n, f"{n}]?[1" if rng.random() < 0.02 else last))
    _define(rng, rng.choice((f"{x}[{index}]", f"{x}[{index}]?", f"concat({x}[*])", f"fold(Join, unused({x}[1..{last}]))")),
            tensors, lines)  # fmt: skip


def _define(rng: random.Random, text: str, tensors: list[str], lines: list[str]) -> None:
    name = f"t{len(lines)}"
    lines.append(f"{name} = {text}")
    tensors.append(name)


_STATEMENTS: tuple[Callable[[random.Random, list[str], list[str], list[str]], None], ...] = (
    _number, _number, _applied, _applied, _applied, _called, _chosen, _staged,
)  # fmt: skip
_PRIMITIVES = list(ops.primitives().values())


def expression(rng: random.Random, names: Sequence[str], depth: int) -> str:
    """Arithmetic over names and numbers that are likely to go wrong."""
    if depth == 0 or rng.random() < 0.25:
        return rng.choice(names) if rng.random() < 0.55 else _value(rng)
    a, b = expression(rng, names, depth - 1), expression(rng, names, depth - 1)
    match rng.randrange(20):
        case 0 | 1 | 2:
            return f"{rng.choice(FUNCTIONS[:2])}({a}, {b})"
        case 3 | 4:
            return f"{rng.choice(FUNCTIONS)}({a})"
        case 5 | 6 | 7:
            return f"({a} if {condition(rng, names, depth - 1)} else {b})"
        case 8:
            return f"(-{a})"
        case 9:
            return condition(rng, names, depth - 1)
        case _:
            return f"({a} {rng.choice(ARITHMETIC)} {b})"


def condition(rng: random.Random, names: Sequence[str], depth: int) -> str:
    a, b = expression(rng, names, depth), expression(rng, names, depth)
    match rng.randrange(10):
        case 0:
            return f"(not {a} == {b})"
        case 1:
            return f"({a} < {b} {rng.choice(('and', 'or'))} {b} != {a})"
        case 2:
            return f"({a} in {rng.choice(('{1, 2}', '0..4', '{8 / 3, 4}', f'{a}..{b}'))})"
        case 3:
            return rng.choice(("true", "false", a))
        case _:
            return f"({a} {rng.choice(COMPARISONS)} {b})"


_KINDS: dict[str, tuple[int, Callable[[Hostile, random.Random], str]]] = {
    "damaged": (25, _damaged),
    "numbered": (12, _numbered),
    "spliced": (10, _spliced),
    "corrupted": (8, _corrupted),
    "repeated": (5, _repeated),
    "grown": (40, _grown),
}
