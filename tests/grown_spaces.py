"""Small random spaces as text, statement by statement, with every construct; some networks are ill-typed.

A space is grown with the decisions that its text must have, so that all its networks can be listed without
asking what is tested.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from math import prod
from typing import Any

from hypothesis import strategies as st

MOST = 150
"""Networks of a space, at most."""

HEAD = """arch 1

W = [4, 8, 4]
OPS = {zero, act: relu, same: conv, wide: conv(c = 8)}
SAFE = {keep: identity, act: hswish, mix: plain}

op plain(x; c: int = x.c, k: int = 3) = x -> conv(c = c, k = k) -> relu
op fit(x, like) = x if x.c == like.c and x.h == like.h else (x -> conv(c = like.c, k = 1) -> resize(like = like))
op branchy(x; n = 4) {
  y = (x -> conv(c = n)) if x.c == 4 else (x -> relu)
  return y -> plain
}

cell Join(a, b) {
  size = a if a.h >= b.h else b
  return concat(a -> resize(like = size), b -> resize(like = size))
}

op Gap(a, b) = concat(a -> global_pool, b -> global_pool)

cell Edge(a; c = 4) {
  n = one of SAFE
  return a -> n -> conv(c = c)
}

cell Two(a, b; kind = relu) {
  p = one of SAFE
  return (a -> kind) + fit(b, a), p(b)
}
"""

SAFE = ("keep", "act", "mix")
OPS = ("zero", "act", "same", "wide")


@dataclass
class Growing:
    """What a space has so far: its lines, names of tensors and numbers, its decisions with their outcomes."""

    draw: Callable[[Any], Any]
    lines: list[str] = field(default_factory=list)
    tensors: list[str] = field(default_factory=lambda: ["image"])
    numbers: list[str] = field(default_factory=lambda: ["4", "8", "W[1]"])
    decisions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    count: int = 0

    def name(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def one(self, options: Any) -> Any:
        return self.draw(st.sampled_from(list(options)))

    def chance(self, percent: int) -> bool:
        return bool(self.draw(st.integers(0, 99)) < percent)

    def tensor(self) -> str:
        """Any tensor, the latest ones more often."""
        return str(self.one(self.tensors + self.tensors[-3:] * 2))

    def number(self) -> str:
        return str(self.one(self.numbers + self.numbers[-2:]))

    def decide(self, path: str, outcomes: tuple[str, ...]) -> None:
        assert path not in self.decisions, path
        if len(outcomes) > 1:
            self.decisions[path] = outcomes

    def room(self, factor: int) -> bool:
        """Whether there may be that many times as many networks."""
        return prod(map(len, self.decisions.values())) * factor <= MOST

    def define(self, text: str, letter: str = "t") -> str:
        name = self.name(letter)
        self.lines.append(f"{name} = {text}")
        (self.numbers if letter == "n" else self.tensors).append(name)
        return name

    def candidates(self, texts: list[str]) -> tuple[str, tuple[str, ...]]:
        """A set with labels, and the labels."""
        labels = tuple("abcdefgh"[: len(texts)])
        return "{" + ", ".join(f"{k}: {v}" for k, v in zip(labels, texts, strict=True)) + "}", labels


Step = Callable[[Growing], None]


# ---------------------------------------------------------------- numbers and conditions


def number_choice(g: Growing) -> None:
    options = g.one([(4, 8), (4, 8), (4, 6), (1, 2), (2, 8, 4)])
    if g.room(len(options)):
        name = g.define("one of {" + ", ".join(map(str, options)) + "}", "n")
        g.decide(name, tuple(map(str, options)))


def number_arithmetic(g: Growing) -> None:
    a, b = g.number(), g.number()
    form = g.one(["{a} + {b}", "{a} * 2", "max({a}, {b})", "{a} + {b} - 4", "{a} / 2", "floor({a} / {b}) + 1",
                  "{a} if {a} == {b} else 8", "4 * {a} / 4", "{t}.c", "{t}.h", "W[{a}]", "8 / {a}", "8 + {a} % {b}", "4 + 2 ** ({a} % 3)", "({a} % 2 + {b} % 2) ** 2 + len(W)", "4 + {a} // 3 + {b} % 3", "({a} + 0.5) // {b} + 2",
                  "8 / ({a} - {b})"])  # fmt: skip
    if g.chance(70) and form in ("W[{a}]", "8 / ({a} - {b})", "8 / {a}", "{a} / 2"):
        return
    g.define(form.format(a=a, b=b, t=g.tensor()), "n")


def number_of_list(g: Growing) -> None:
    """A number that one outcome may lack."""
    last = g.one([2, 3, 3, 3, 4])
    if g.room(2):
        name = g.define(f"one of {{1, {last}}}", "n")
        g.decide(name, ("1", str(last)))
        g.define(f"W[{name}]" + g.one(["", "?"]), "n")


def condition(g: Growing) -> str:
    form = g.one(["{a} == {b}", "{a} < {b}", "{t}.c == {u}.c", "{t}.h == {u}.h", "{a} in {{4, 6}}",
                  "{a} == 4 and {b} == 8", "not {a} == {b}", "{t}.c >= {a} or {a} == 4", "true"])  # fmt: skip
    return str(form.format(a=g.number(), b=g.number(), t=g.tensor(), u=g.tensor()))


def number_conditional(g: Growing) -> None:
    g.define(f"{g.number()} if {condition(g)} else {g.number()}", "n")


# ---------------------------------------------------------------- tensors


def applied(g: Growing) -> None:
    form = g.one(["{t} -> conv(c = {a})", "{t} -> plain(c = {a})", "{t} -> relu", "{t} -> branchy",
                  "{t} -> branchy(n = {a})", "{t} -> conv(c = {a}, s = 2)", "{t} -> dwconv -> bn", "fit({t}, {u})",
                  "{t} -> resize(like = {u})", "{t} -> zero(c = {a})", "{t} -> conv(c = 8, g = {a})",
                  "{t} -> tile(c = {a})", "{t} -> conv(c = {a}, k = 1) -> plain", "{t} -> shift",
                  "{t} -> fit({u})", "{t} -> concat({t}, {t} -> relu)", "{u} -> fit({t}) -> mul({t})",
                  "{t} -> (relu -> plain)", "{t} -> (plain -> conv(c = {a}))"])  # fmt: skip
    g.define(form.format(t=g.tensor(), u=g.tensor(), a=g.number()))


def joined(g: Growing) -> None:
    t, u = g.tensor(), g.tensor()
    if g.chance(75):
        u = f"fit({u}, {t})"
    g.define(g.one(["{t} + {u}", "concat({t}, {u})", "mul({t}, {u})"]).format(t=t, u=u))


def tensor_arithmetic(g: Growing) -> None:
    """Operators on tensors and numbers; sizes of 1 are broadcast, zeros are simplified."""
    t, u = g.tensor(), g.tensor()
    form = g.one(["{t} - fit({u}, {t})", "{t} - {u}", "-{t}", "{a} - {t}", "{a} * {t}", "{t} / {a}", "{t} * {u}",
                  "{t} * ({t} -> global_pool -> sigmoid)", "{t} + ({t} -> global_pool)", "({t} -> conv(c = 1)) + {t}",
                  "0.5 * {t} + {a}", "{t} - ({t} -> zero)", "({t} -> zero) - {t}", "{t} * (1 - ({t} -> sigmoid))",
                  "({t} -> global_pool) + ({t} -> zero)", "-({t} -> zero) + {a}", "1 * {t} - 0",
                  "{t} * (1 / 4) - ({t} -> conv(c = 1) -> global_pool)"])  # fmt: skip
    g.define(form.format(t=t, u=u, a=g.number()))


def tensor_choice(g: Growing) -> None:
    texts = [g.tensor() for _ in range(g.one([2, 2, 3]))]
    texts = [f"fit({t}, {texts[0]})" if g.chance(50) else t for t in texts]
    if g.chance(30):
        texts.append(f"{texts[0]} -> plain(c = {g.number()})" if g.chance(50) else "nothing[3]?")
    defined = [t for t in texts if "?" not in t]
    if not g.room(len(defined)):
        return
    labelled, labels = g.candidates([f"({t})" if "->" in t else t for t in texts])
    name = g.define(f"one of {labelled}")
    g.decide(name, tuple(k for k, t in zip(labels, texts, strict=True) if t in defined))


def op_choice(g: Growing) -> None:
    family = g.one([("SAFE", SAFE), ("SAFE", SAFE), ("OPS", OPS)])
    if not g.room(len(family[1])):
        return
    if g.chance(50):
        name = g.define(f"{g.tensor()} -> one of {family[0]}")
        g.decide(f"{name}.1", family[1])
        return
    kind = g.name("k")
    g.lines.append(f"{kind} = one of {family[0]}")
    g.decide(kind, family[1])
    for _ in range(g.one([1, 2])):
        t = g.tensor()
        g.define(g.one([f"{t} -> {kind}", f"{kind}({t})"]))


def op_choice_inside(g: Growing) -> None:
    """A choice between an op, a chosen op and an op with a chosen setting."""
    if not g.room(4):
        return
    inner, outer = g.name("k"), g.name("k")
    other = g.one(["plain(c = {a})", "{k} -> plain(c = {a})", "plain -> {k}"]).format(k=inner, a=g.number())
    g.lines += [f"{inner} = one of {{relu, silu}}", f"{outer} = one of {{i: {inner}, c: {other}}}"]
    g.decide(inner, ("relu", "silu"))
    g.decide(outer, ("i", "c"))
    g.define(f"{g.tensor()} -> {outer}")


def several(g: Growing) -> None:
    texts = [g.tensor()]
    texts += [f"fit({g.tensor()}, {texts[0]})" for _ in range(2)]
    if not g.room(3):
        return
    labelled, labels = g.candidates(texts)
    chosen, count = g.name("s"), g.one(["2", "2", "(1 + 1)", "(W[1] % 3 + 1)", "(7 // 3)"])
    labelled = g.one([labelled, labelled, f"({{{labelled}, gone: image}} - {{gone: {texts[0]}}})"])
    g.lines.append(f"{chosen} = any {count} of {labelled}")
    g.decide(chosen, tuple("{" + ", ".join(c) + "}" for c in combinations(labels, 2)))
    g.define(g.one([f"concat({chosen})", f"add({chosen})"]))


def switched(g: Growing) -> None:
    """Members that are each on or off, joined beside one that is always there."""
    texts = [g.tensor()]
    texts += [f"fit({g.tensor()}, {texts[0]})" for _ in range(g.one([0, 1]))]
    if not g.room(2 ** len(texts)):
        return
    labelled, labels = g.candidates(texts)
    if g.chance(20):
        labelled = f'({{{labelled}, gone: image}} - {{"gone"}})'
    name = g.name("e")
    g.lines.append(f"{name} = some of {labelled}")
    for label in labels:
        g.decide(f"{name}.{label}", ("on", "off"))
    form = g.one(
        [
            "add({{{e}, z: {t}}})",
            "concat({{z: {t}, {e}}})",
            "concat({e})",
            "fold(Join, {{z: {t}, {e}}})",
            "(concat({e}) if defined(concat({e})) else {t})",
            "concat({{{e}, z: {t}}}) -> conv(c = {a})",
        ]
    )
    g.define(form.format(e=name, t=texts[0], a=g.number()))  # fmt: skip


def tested(g: Growing) -> None:
    """Entries that are read only where they are defined."""
    x, at = g.name("x"), g.name("n")
    last = g.one([1, 2, 3])
    if not g.room(2):
        return
    g.lines += [f"{x}[1] = {g.tensor()}", f"{x}[2] = {x}[1] -> relu", f"{at} = one of {{1, {last + 1}}}"]
    g.decide(at, ("1", str(last + 1)))
    form = g.one(["{x}[{n}]? if defined({x}[{n}]) else {x}[1]", "{x}[{n} + 1] if defined({x}[{n} + 1]) else {t}",
                  "({t} -> relu) if defined({x}[3]) else {x}[2]", "{t} if defined(nothing[1]) else ({t} -> relu)",
                  "{t} if defined({x}[{n}]?) and {n} == 2 else {x}[2]"])  # fmt: skip
    g.define(form.format(x=x, n=at, t=g.tensor()))


def sized(g: Growing) -> None:
    """Sizes of a tensor that some networks lack: compared, and read where it is defined."""
    x, before, at = g.name("x"), g.name("b"), g.name("n")
    if not g.room(2):
        return
    t = g.tensor()
    g.lines += [f"{x}[1] = {t}", f"{at} = one of {{0, 1}}", f"{before} = {x}[{at}]?"]
    g.decide(at, ("0", "1"))
    condition = g.one(["{b}.c in 1..8", "{b}.h == {t}.h", "not ({b}.w > 3)", "{b}.c + {b}.h != {n}", "defined({b}) and {b}.c > 3",
                       "not defined({b}) or {b}.c == {t}.c", "({b}.c if defined({b}) else 4) == 4"]).format(b=before, t=t, n=g.number())  # fmt: skip
    number = g.one(
        ["(3 if {c} else 4)", "({b}.c if defined({b}) else 3)", "({b}.c if {n} == 1 and {c} else 2)"]
    )
    number = number.format(c=condition, b=before, n=at)
    if g.chance(30):
        number = f"{g.name('k')}"
        g.lines.append(f"{number} = 5 if {condition} else 6")
    g.define(g.one(["concat({{p: {t}, q: {b}}}) -> conv(c = {m})", "concat({{p: {t}, q: {b} -> conv(c = {b}.c + 1)}}) -> conv(c = {m})",
                    "({t} -> relu) if {c} else {t}", "concat({{p: {t}, q: {b} -> plain(c = {b}.c)}})",
                    "fold(Join, {{p: {t}, q: {b}}}) -> conv(c = {m})"]).format(t=t, b=before, m=number, c=condition))  # fmt: skip
    if g.chance(20):
        g.lines.append(f"require {condition}")


def conditional(g: Growing) -> None:
    then, otherwise = g.tensor(), g.tensor()
    forms = ["{t}", "fit({t}, {u})", "({t} -> plain)", "({t} -> conv(c = {a}))", "({t} -> branchy)"]
    first = g.one(forms).format(t=then, u=otherwise, a=g.number())
    second = g.one(forms).format(t=otherwise, u=then, a=g.number())
    g.define(f"{first} if {condition(g)} else {second}")


def settings_by_decision(g: Growing) -> None:
    name, options, form = g.one([
        ("s", (1, 2), "{t} -> conv(c = 4, s = {n})"),
        ("k", (1, 3), "{t} -> plain(k = {n})"),
        ("d", (1, 2), "{t} -> dwconv(d = {n})"),
        ("r", (1, 2), "{t} -> resize(scale = {n})"),
        ("z", (0, 2), "{t} -> conv(c = 4 * {n})"),
    ])  # fmt: skip
    if name == "z" and g.chance(70):
        return
    if not g.room(2):
        return
    n = g.name(name)
    g.lines.append(f"{n} = one of {{{options[0]}, {options[1]}}}")
    g.decide(n, tuple(map(str, options)))
    g.define(form.format(t=g.tensor(), n=n))


# ---------------------------------------------------------------- stages, gates, cells


def gate(g: Growing) -> None:
    """Cells in a row, the one that speaks chosen, and the one before it."""
    length = g.one([2, 3])
    chosen = g.chance(50)
    if not g.room(length * (2**length if chosen else 1)):
        return
    x, stage, at = g.name("x"), g.name("g"), g.name("n")
    op = "one of {relu, silu}" if chosen else g.one(["plain", f"conv(c = {g.number()})"])
    g.lines += [
        f"{x}[0] = {g.tensor()}",
        f"stage {stage} for i in 1..{length} {{ {x}[i] = {x}[i - 1] -> {op} }}",
        f"{at} = one of {{1..{length}}}",
    ]
    for i in range(1, length + 1):
        if chosen:
            g.decide(f"{stage}[{i}].{x}.1", ("relu", "silu"))
    g.decide(at, tuple(str(i) for i in range(1, length + 1)))
    g.define(f"{x}[{at}]")
    if g.chance(60):
        before = g.one(
            [f"{x}[{at} - 1]", f"({x}[0] -> relu) if {at} == 1 else ({x}[{at} - 1] -> plain(c = 4))"]
        )
        g.define(before)
    if g.chance(15):
        beyond(g, x, at)


def beyond(g: Growing, x: str, at: str) -> None:
    """An entry that the last outcome lacks.

    Where it is marked only sets read it: its sizes, asked for where it is missing, are those it has
    elsewhere in a space and nothing in a network by itself.
    """
    if g.chance(30):
        g.define(f"{x}[{at} + 1]")
        return
    name = g.name("m")
    g.lines.append(f"{name} = {x}[{at} + 1]?")
    form = g.one(
        [
            "add({{a: {m}, b: {x}[0]}})",
            "concat({{a: {m} -> relu, b: {x}[{at}]}})",
            "add({{b: {x}[0], a: {m}}})",
        ]
    )
    g.define(form.format(m=name, x=x, at=at))


def lattice(g: Growing) -> None:
    """Entries that may be missing: a small triangle."""
    if not g.room(2):
        return
    x, stage = g.name("y"), g.name("l")
    g.lines += [
        f"{x}[0, 1] = {g.tensor()}",
        f"stage {stage} for i in 1..2, r in {{1, 2}} {{",
        f"  {x}[i, r] = one of {{finer: {x}[i - 1, r / 2]?, same: {x}[i - 1, r]?}}",
        "}",
    ]
    g.decide(f"{stage}[2, 2].{x}", ("finer", "same"))
    g.define(f"{x}[2, {g.one([1, 2])}]")


def cells(g: Growing) -> None:
    t = g.tensor()
    if g.chance(50):
        if g.room(3):
            form, path = g.one([("Edge({t}, c = {a})", "n"), ("{t} -> (relu -> Edge(c = {a}))", "op.Edge.n")])
            g.decide(f"{g.define(form.format(t=t, a=g.number()))}.{path}", SAFE)
        return
    if not g.room(3):
        return
    p, q = g.name("p"), g.name("q")
    kind = g.one(["relu", "plain", "conv(c = 8)"])
    g.lines.append(f"{p}, {q} = Two({t}, {g.tensor()}, kind = {kind})")
    g.decide(f"{p}.p", SAFE)
    g.tensors += [p, q]


def shared(g: Growing) -> None:
    if not g.room(3):
        return
    cell = g.name("E")
    g.lines.append(f"{cell} = once Edge")
    g.decide(f"{cell}.n", SAFE)
    for _ in range(2):
        g.define(f"{cell}({g.tensor()})")


def tied(g: Growing) -> None:
    t = g.tensor()
    a = g.define(f"{t} -> conv(c = 4)")
    b = g.define(f"({t} -> relu) -> conv(c = 4)" if g.chance(50) else f"{t} -> conv(c = 4)")
    if g.lines[-1] == f"{b} = {t} -> conv(c = 4)":
        g.lines.append(f"tie {a}, {b}")


def loose_ends(g: Growing) -> None:
    """What nothing else reads, joined."""
    if not g.room(4):
        return
    x, stage = g.name("u"), g.name("w")
    g.lines += [
        f"{x}[0] = {g.tensor()}",
        f"{x}[1] = {x}[0] -> plain",
        f"stage {stage} for i in 2..3 {{ {x}[i] = (one of {x}[0..i - 1]) -> relu }}",
    ]
    for i in (2, 3):
        g.decide(f"{stage}[{i}].{x}.1", tuple(f"{x}[{j}]" for j in range(i)))
    g.define(
        g.one([f"fold(Join, unused({x}[1..3]))", f"concat(unused({x}[1..3]))", f"concat(unused({x}[0..3]))"])
    )


def loose_tensors(g: Growing) -> None:
    """What no other of some tensors is computed from: aliases, choices and what may be missing among them."""
    texts = list(dict.fromkeys(g.tensor() for _ in range(g.one([2, 3, 3, 4]))))
    texts += [f"({texts[0]} -> {g.one(['relu', 'plain', 'identity'])})"] if g.chance(30) else []
    texts += [g.one(["nothing[4]?", texts[0]])] if g.chance(20) else []
    labelled, _ = g.candidates(texts)
    loose = f"unused({labelled})"
    if g.chance(25) and g.room(len(texts)):
        # which are candidates at all is found by evaluation, so they are listed only where it does not matter
        loose = f"{{z: {g.tensor()}, rest: fold(Join, {loose})}}"
        name = g.name("o")
        g.lines.append(f"{name} = one of {loose}")
        g.decide(name, ("z", "rest"))
        g.tensors.append(name)
        return
    g.define(g.one(["fold(Join, {l})", "fold(Join, {l})", "fold(add, {l})", "concat({l})", "add({l})",
                    "concat({l}) -> conv(c = {a})", "fold(Gap, {l})"]).format(l=loose, a=g.number()))  # fmt: skip


def alias(g: Growing) -> None:
    """Another name for a tensor, in some networks or in all."""
    t, u = g.tensor(), g.tensor()
    if g.chance(20):
        g.define(g.one(["{t}", "{t} -> identity", "{t} if true else {u}"]).format(t=t, u=u))
        return
    if g.room(2):
        name = g.define(f"one of {{a: {t}, b: {u}}}")
        g.decide(name, ("a", "b"))


def missing(g: Growing) -> None:
    """What is computed from something that is defined in no network, and a choice that it vanishes from."""
    name = g.name("t")
    g.lines.append(f"{name} = {g.tensor()} -> conv(c = W[9]?)" if g.chance(50) else f"{name} = nothing[1]?")
    vanishing = g.one(["{m}", "{m} -> relu", "fit({t}, {m})", "{t} + {m}", "concat({t}, {m})"])
    candidate = vanishing.format(m=name, t=g.tensor())
    g.define(f"one of {{gone: ({candidate}), only: {g.tensor()}}}")


def repeated(g: Growing) -> None:
    name = g.name("v")
    g.lines += [f"{name} = {g.tensor()}", f"stage {g.name('r')} repeat 2 {{ {name} = {name} -> plain }}"]
    g.tensors.append(name)


def recorded(g: Growing) -> None:
    """A stage over a list or a set of records."""
    if not g.room(4):
        return
    name, stage, a = g.name("v"), g.name("r"), g.number()
    records, rounds = g.one([(f"[(c = 4, k = relu), (c = {a}, k = plain)]", "12"),
                             (f"{{a: (c = 4, k = relu -> plain), b: (c = {a}, k = silu)}}", "ab")])  # fmt: skip
    g.lines += [
        f"{name} = {g.tensor()}",
        f"stage {stage} for r in {records} {{ {name} = {name} -> conv(c = r.c) -> one of {{p: r.k, q: silu}} }}",
    ]
    for round_ in rounds:
        g.decide(f"{stage}[{round_}].{name}.1", ("p", "q"))
    g.tensors.append(name)


def selected(g: Growing) -> None:
    """An op selected by a number, a size, or a chosen record or list."""
    if not g.room(2):
        return
    d, a = g.name("n"), g.number()
    t = g.tensor()
    chosen, called = g.one([
        ("one of {1, 2}", f"conv(c = 4) if {d} == 1 else plain(c = {a})"),
        ("one of {1, 2}", f"relu if {t}.c == 4 * {d} else conv(c = {a})"),
        ("one of {1, 2}", f"conv(c = 4) if {d} * {t}.c > 4 else silu"),
        ("one of {p: (o = plain, c = 4), q: (o = conv, c = 8)}", f"{d}.o(c = {d}.c)"),
        ("one of {p: [plain, 4], q: [conv, 8]}", f"{d}[1](c = {d}[2])"),
    ])  # fmt: skip
    op = g.name("f")
    g.lines += [f"{d} = {chosen}", f"{op} = {called}"]
    g.decide(d, ("p", "q") if "p:" in chosen else ("1", "2"))
    g.define(f"{t} -> {op}")


OPTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("{t} -> conv(c = 4, k = {o})", ("3", "[1, 3]", "[3, 1]")),
    ("{t} -> conv(c = {a}, s = {o}, d = [1, 2])", ("1", "[1, 2]")),
    ("{t} -> conv(c = 4, k = 3, padding = {o})", ("0", "[1, 0]", "2")),
    ("{t} -> conv(c = 4, s = 2, padding = {o})", ('"same"', '"valid"')),
    ("{t} -> dwconv(k = 3, padding_mode = {o}, padding = 1)", ('"zeros"', '"reflect"', '"replicate"')),
    ("{t} -> conv_transpose(c = {a}, s = {o})", ("1", "2", "[2, 1]")),
    ("{t} -> conv_transpose(c = 4, k = {o}, s = 2, padding = 1, output_padding = 1)", ("3", "4")),
    ("{t} -> max_pool(k = 2, s = 2, padding = 0, ceil = {o})", ("true", "false")),
    ("{t} -> avg_pool(k = {o}, count_padding = true)", ("3", "5")),
    ("{t} -> adaptive_pool(size = {o})", ("1", "2", "[2, 4]")),
    ("{t} -> adaptive_pool(size = 2, mode = {o})", ('"avg"', '"max"')),
    ("{t} -> max_pool(k = {o}, s = 2) -> max_unpool({t}, k = {o})", ("2", "3")),
    ("{t} -> resize(like = {u}, mode = {o})", ('"nearest"', '"bicubic"', '"area"')),
    ("{t} -> prelu(shared = {o}) -> leaky_relu(slope = 0.1)", ("true", "false")),
    ("{t} -> group_norm(g = {o}) -> instance_norm", ("1", "2", "4")),
    ("{t} -> layer_norm(affine = {o}) -> gelu -> softmax", ("true", "false")),
    ("{t} -> linear(c = {o}) -> elu(alpha = 2) -> tanh", ("4", "8")),
    ("{t} -> attention(heads = {o}, reduction = 2)", ("1", "2", "4")),
    ("dot_attention({t}, {t}, {t} -> conv(c = 8), heads = {o})", ("1", "2")),
    ("{t} -> slice(first = {o}, last = 3)", ("1", "2")),
    ("concat(split({t}, n = 2)) -> channel_conv(k = {o})", ("3", "5")),
    ("({t} -> channel_mean) * {t} + ({t} -> global_pool(over = {o}))", ('"rows"', '"columns"')),
    ("{t} -> drop_path(p = {o}) -> dropout2d(p = 0.2)", ("0.1", "0.2")),
)
"""Primitives with a setting that a decision chooses."""


def optioned(g: Growing) -> None:
    form, options = g.one(OPTIONS)
    count = g.one([1, 2, len(options)])
    if not g.room(count):
        return
    chosen = g.name("o")
    options, labels = options[:count], "abc"[:count]
    g.lines.append(
        f"{chosen} = one of {{{', '.join(f'{k}: {o}' for k, o in zip(labels, options, strict=True))}}}"
    )
    g.decide(chosen, tuple(labels))
    g.define(form.format(t=g.tensor(), u=g.tensor(), a=g.number(), o=chosen))


STEPS: tuple[tuple[int, Step], ...] = (
    (3, number_choice), (2, number_arithmetic), (1, number_conditional), (1, number_of_list), (5, applied), (3, joined), (3, tensor_arithmetic),
    (4, tensor_choice), (3, op_choice), (1, op_choice_inside), (1, several), (2, switched), (1, tested), (4, conditional),
    (3, settings_by_decision), (3, gate), (1, lattice), (2, cells), (1, shared), (1, tied), (1, loose_ends),
    (1, missing), (1, repeated), (1, recorded),
)  # fmt: skip


# ---------------------------------------------------------------- requirements


def requirement(g: Growing, depth: int = 2) -> str:
    """A condition over what a network costs, its sizes and decisions, and constants."""
    if depth == 0 or g.chance(40):
        return _comparison(g, depth)
    form = g.one(["({p}) and ({q})", "({p}) or ({q})", "not ({p})", "({p}) if ({q}) else ({r})", "({p}) == true",
                  "({p}) != ({q})", "{p}", "true", "({p}) or false"])  # fmt: skip
    p, q, r = (requirement(g, depth - 1) for _ in range(3))
    return str(form.format(p=p, q=q, r=r))


def _comparison(g: Growing, depth: int) -> str:
    sign = g.one(["<=", "<", ">=", ">", "==", "!="])
    if g.chance(30):
        return f"{_timed(g, depth)} {sign} {_time(g, depth)}"
    if g.chance(15):
        return f"{_timed(g, depth)} in 1 ms .. {g.one(['2 ms', '40 ms'])}"
    if g.chance(15):
        return f"{_ratio(g, depth)} {sign} {_counted(g, depth)}"
    if g.chance(10):
        return f'rate(device = "b") {sign} {g.one(["30 fps", "2.5 fps"])}'
    if g.chance(10):
        return f"{_counted(g, depth)} in {g.one(['{200, 8, 1000}', '[8, 0.5]', '100 .. 4K', '0..1M', '{4}'])}"
    return f"{_counted(g, depth)} {sign} {_counted(g, depth)}"


def _time(g: Growing, depth: int) -> str:
    """A quantity: a constant, or one that depends on decisions or costs."""
    if depth == 0 or g.chance(60):
        return str(g.one(["2 ms", "300 us", "(2 ms + 0.5 s)", "2 * 1.5 ms", "-1 ms"]))
    form = g.one(["({p} if {c} else {q})", "2 * ({p} if {c} else {q})", "max({p}, {q})", "min({p}, 9 s)",
                  "({p} + {q})", "-({p})"])  # fmt: skip
    p, q = _time(g, depth - 1), _time(g, depth - 1)
    return str(form.format(p=p, q=q, c=_comparison(g, 0)))


def _counted(g: Growing, depth: int) -> str:
    if depth == 0 or g.chance(40):
        simple = ["params", "macs", "flops", "8", "0.25", "1e-7", "200", "1.5K", "2M", "999T", "-3"]
        return str(g.one([*simple, g.number(), g.number(), f"{g.tensor()}.{g.one('ch')}"]))
    form = g.one(["({p} + {q})", "({p} - {q})", "({p} - ({q} - {p}))", "{p} * {q}", "({p}) / 4", "floor({p} / 3)", "({p} // 3)", "({p} % 7)",
                  "round({p} / 3)", "max({p}, {q})", "min({p}, {q}, 12)", "({p} if {c} else {q})", "-{p}"])  # fmt: skip
    p, q = _counted(g, depth - 1), _counted(g, depth - 1)
    return str(form.format(p=p, q=q, c=_comparison(g, 0)))


def _ratio(g: Growing, depth: int) -> str:
    """A number that was computed from times."""
    p, q = _timed(g, depth), _time(g, 0)
    return str(g.one([f"({p}) / 2 ms", f"({p}) // ({q} + 2 s)", f"({p}) / 3 ms * params", f"max(({p}) / 1 s, macs)",
                      f"(({p}) // 1 us + 3) // 2", f"({p}) / 1 ms * (({p}) / 1 ms)"]))  # fmt: skip


def _timed(g: Growing, depth: int) -> str:
    one = g.one(['latency(device = "a")', 'latency(device = "b \\" c", batch = 2)'])
    if depth == 0 or g.chance(50):
        return str(one)
    form = g.one(["({p} + {q})", "2 * {p}", "{p} / 2", "{p} * ({q} / 1 ms)", "({p} - 1 ms)", "max({p}, {q})", "floor({p})",
                  "({p} if {c} else {q})", "({n}) * {p}", "{p} % 2 ms", "min({p}, 5 ms) * ({q} // 3 ms)"])  # fmt: skip
    return str(form.format(p=one, q=_timed(g, depth - 1), c=_comparison(g, 0), n=_counted(g, 0)))


@dataclass(frozen=True)
class Grown:
    """A space as text, and the decisions that the text makes, dead ones included."""

    text: str
    decisions: Mapping[str, tuple[str, ...]]

    def networks(self) -> Iterator[dict[str, str]]:
        """All combinations of outcomes."""
        for outcomes in product(*self.decisions.values()):
            yield dict(zip(self.decisions, outcomes, strict=True))


LOOSE: tuple[tuple[int, Step], ...] = (
    *STEPS, (10, alias), (4, sized), (8, loose_tensors), (4, loose_ends), (4, tensor_choice), (3, gate), (2, lattice),
)  # fmt: skip
"""The same with `unused` in most spaces."""

OPTIONED = (
    *LOOSE,
    (20, optioned),
    (5, switched),
    (5, tested),
    (5, recorded),
    (5, selected),
    (5, tensor_arithmetic),
)
"""The same with settings of primitives by decisions, and more of what came last."""


@st.composite
def spaces(
    draw: Any, most: int = 7, steps: Sequence[tuple[int, Step]] = STEPS, requirements: int = 0
) -> Grown:
    return grow(Growing(draw), most, steps, requirements)


def seeded(seed: int, most: int = 7, requirements: int = 0) -> Grown:
    """The space of a seed, with `unused` in most."""
    return grow(_Seeded(random.Random(seed)), most, LOOSE, requirements)


class _Seeded(Growing):
    """Draws from a generator of random numbers instead of Hypothesis."""

    def __init__(self, rng: random.Random):
        super().__init__(lambda strategy: None)
        self.rng = rng

    def one(self, options: Any) -> Any:
        return self.rng.choice(list(options))

    def chance(self, percent: int) -> bool:
        return self.rng.randrange(100) < percent


def grow(g: Growing, most: int, steps: Sequence[tuple[int, Step]], requirements: int) -> Grown:
    weighted = [step for weight, step in steps for _ in range(weight)]
    for _ in range(g.one(range(2, most + 1))):
        g.one(weighted)(g)
    end = [f"output y = {g.tensors[-1]}"]
    if g.chance(30):
        end.append(f"output z{g.one(['', ' train'])} = {g.tensor()}")
    if g.chance(15):
        end.append(f"require {g.number()} <= {g.number()}")
    end += [f"require {requirement(g)}" for _ in range(requirements)]
    body = "\n".join("  " + line for line in ["input image: [4, 8, 8]", *g.lines, *end])
    return Grown(f"{HEAD}\nspace S {{\n{body}\n}}\n", dict(g.decisions))
