"""Writes a network as text, with its repeated parts as ops and stages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from archdsl import ops
from archdsl.diagnostics import Source
from archdsl.fold.bodies import Body, Step, blocks
from archdsl.fold.parameters import infer, input_names, signature
from archdsl.fold.pieces import Ref, whole
from archdsl.fold.repeats import fold_repeats
from archdsl.ir.graph import Graph
from archdsl.lang import format_source
from archdsl.lang.parser import language
from archdsl.passes.analyses.shapes import infer as shapes_of
from archdsl.spec.conditions import condition_source

BUILTINS = (
    "max",
    "min",
    "round",
    "floor",
    "unused",
    "fold",
    "split",
    "params",
    "macs",
    "flops",
    "latency",
    "rate",
)

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LONGEST_NAME = 28


def folded(graph: Graph, notes: Sequence[str] = (), remarks: Mapping[str, str] | None = None) -> str:
    """The text of a self-contained file with a network, in which each repeated part is written once.

    Parts are repeated if they are applications of one op, or if they apply equal primitives in sequence to
    tensors that are related in the same way; numbers that differ become settings of the op. `notes` are
    comments at the beginning, `remarks` comments on inputs. The text elaborates to an equal network. Raises
    ValueError for a graph with decisions, SpecError for an ill-typed network.
    """
    top, bodies = network_blocks(graph, shapes_of(graph))
    return File(graph, top, bodies).text(notes, remarks or {})


def network_blocks(graph: Graph, sizes: Mapping[str, tuple[Any, Any, Any]]) -> tuple[Body, list[Body]]:
    """The block of a network, and the blocks of its ops, each before the blocks that apply it.

    `sizes` are the sizes of the network's tensors. Settings and channels that depend on a decision (`Pick`)
    become settings of ops; in the network's block, they are the name of the decision.
    """
    top, own = blocks(whole(graph), sizes)
    made = fold_repeats(top, own)
    return top, _in_order(top, [*own, *made])


def _in_order(top: Body, bodies: Sequence[Body]) -> list[Body]:
    """Those of `bodies` that `top` applies, directly or indirectly; an op precedes the ops that apply it."""
    found: dict[int, Body] = {}

    def visit(body: Body) -> None:
        for step in body.steps:
            if isinstance(step.callee, Body) and id(step.callee) not in found:
                visit(step.callee)
                found[id(step.callee)] = step.callee

    visit(top)
    return [body for body in found.values() if body in bodies]


class File:
    """Writes a file with one network. `taken` are names that its declarations must not have."""

    kind = "network"

    def __init__(self, graph: Graph, top: Body, bodies: Sequence[Body], taken: Iterable[str] = ()):
        self.graph, self.top, self.bodies = graph, top, bodies
        self.words = {*language().keywords, *ops.primitives(), *BUILTINS, *taken}
        self.name = graph.name

    def imports(self) -> list[str]:
        """The lines before the network: imports, and declarations copied from other files."""
        return []

    def text(self, notes: Sequence[str], remarks: Mapping[str, str]) -> str:
        taken = {*self.words, self.graph.name}
        for body in self.bodies:
            body.name = free(op_name(body), taken)
        parts = ["arch 1\n", *(f"# {note}" for note in notes), "", *self.imports()]
        for body in self.bodies:
            parts.append(self._op(body, taken))
        settings = infer(self.top, frozenset())
        block = self.block(settings, {*taken, *self.graph.outputs})
        lines = [f"  require {condition_source(r.condition)}" for r in self.graph.requirements]
        for name, (c, h, w) in self.graph.inputs.items():
            if name in remarks:
                lines.append(f"  # {remarks[name]}")
            lines.append(f"  input {block.names[name]}: [{c}, {h}, {w}]")
        lines += block.statements(self._outputs())
        parts.append(f"{self.kind} {self.name} {{\n" + "\n".join(lines) + "\n}\n")
        return format_source(Source("folded", "\n".join(parts)))

    def block(self, settings: list[dict[str, str]], taken: set[str]) -> Block:
        """The block of the network itself."""
        return Block(self.top, settings, list(self.graph.inputs), taken)

    def _outputs(self) -> list[str]:
        train = self.graph.train_only
        return [
            f"output {name} train = " if name in train else f"output {name} = " for name in self.graph.outputs
        ]

    def _op(self, body: Body, taken: set[str]) -> str:
        settings = infer(body, frozenset(taken))
        names = input_names(body.inputs)
        words = {*taken, *(p.name for p in body.parameters)}
        block = Block(body, settings, names, words)
        head = f"op {body.name}{signature(body)}"
        statements = block.statements(None)
        if len(statements) == len(body.results) == 1:
            return f"{head} = {statements[0].strip().removeprefix('return ')}\n"
        return f"{head} {{\n" + "\n".join(statements) + "\n}\n"


class Link(str):
    """The text of an op in a chain; `step` is the number of the step that applies it."""

    step: int

    def __new__(cls, text: str, step: int) -> Link:
        made = super().__new__(cls, text)
        made.step = step
        return made


@dataclass
class Text:
    """An expression: the source of a chain, and the ops that are applied to it. `is_sum`: an `a + b` without
    ops.
    """

    head: str
    links: list[Link]
    is_sum: bool = False

    def __str__(self) -> str:
        return " -> ".join([self.head, *self.links])

    @property
    def is_word(self) -> bool:
        return not self.links and _WORD.match(self.head) is not None

    def operand(self) -> str:
        return str(self) if self.is_word else f"({self})"


class Block:
    """Writes the statements of a block; chains of steps whose tensors have one reader are one expression."""

    def __init__(
        self,
        body: Body,
        settings: list[dict[str, str]],
        inputs: Sequence[str],
        taken: set[str],
    ):
        self.body, self.settings = body, settings
        self.taken = set(taken)
        self.names = {name: free(_plain(name), self.taken) if name in taken else name for name in inputs}
        self.taken |= set(self.names.values())
        self.readers = body.readers()
        self.values: dict[Ref, Text] = {(-1, n): Text(name, []) for n, name in enumerate(self.names.values())}
        self.lines: list[str] = []
        self.tied: dict[str, list[str]] = {}

    def statements(self, outputs: Sequence[str] | None) -> list[str]:
        """The lines of the block; each result is written after its text in `outputs`, or after `return` in an
        op.
        """
        for number, step in enumerate(self.body.steps):
            self._step(number, step)
        self.lines += [f"  tie {', '.join(names)}" for names in self.tied.values()]
        results = [self.unrolled(self.values[ref], "y") for ref in self.body.results]
        if outputs is None:
            self.lines.append("  return " + ", ".join(str(result) for result in results))
        else:
            self.lines += [f"  {begin}{result}" for begin, result in zip(outputs, results, strict=True)]
        return self.lines

    def _step(self, number: int, step: Step) -> None:
        if step.tied:
            self._name_all(step.reads)
        text = self._applied(number, step)
        if step.outputs > 1:
            names = [self.name(step.path) for _ in range(step.outputs)]
            self.lines.append(f"  {', '.join(names)} = {text}")
            self.values.update({(number, n): Text(name, []) for n, name in enumerate(names)})
            return
        ref = (number, 0)
        if step.tied or not self.is_inlined(ref, text):
            text = self.unrolled(text, step.path)
            name = text.head if text.is_word else self.name(step.path)
            if name != text.head:
                self.lines.append(f"  {name} = {text}")
            self.values[ref] = Text(name, [])
            if step.tied:
                self.tied.setdefault(step.tied, []).append(name)
            return
        self.values[ref] = text

    def _applied(self, number: int, step: Step) -> Text:
        name = step.callee if isinstance(step.callee, str) else step.callee.name
        primitive = ops.get(step.callee) if isinstance(step.callee, str) else None
        xs = [self.values[ref] for ref in step.reads]
        positional = len(xs) if primitive is None else primitive.tensors(len(xs))
        settings = [f"{key} = {text}" for key, text in self.settings[number].items()]
        if primitive is not None:
            likes = zip(primitive.tensor_settings, xs[positional:], strict=False)
            settings += [f"{key} = {x}" for key, x in likes]
        sign = getattr(primitive, "sign", None)
        if sign and positional == 2:
            first, second = xs
            left = str(first) if first.is_sum and sign != "*" else first.operand()
            return Text(f"{left} {sign} {second.operand()}", [], True)
        if positional == 1:
            link = Link(f"{name}({', '.join(settings)})" if settings else name, number)
            return Text(xs[0].head, [*xs[0].links, link])
        return Text(f"{name}({', '.join([*map(str, xs[:positional]), *settings])})", [])

    def is_inlined(self, ref: Ref, text: Text) -> bool:
        """Whether the expression of a tensor is written inside that of the tensor's only reader, not as a
        statement.
        """
        readers = self.readers.get(ref, [])
        if len(readers) != 1:
            return False
        (reader,) = readers
        if reader < 0:
            return len(self.body.results) == 1 or len(text.links) <= 2
        step = self.body.steps[reader]
        if step.tied:
            return False
        first = step.reads.index(ref) == 0
        count_ = len(step.reads)
        if isinstance(step.callee, str):
            count_ = ops.get(step.callee).tensors(len(step.reads))
            if step.reads.index(ref) >= count_:
                return False  # only its size is read
        if first and count_ == 1:
            return True
        return len(text.links) <= 2 and len(str(text)) <= 60

    def unrolled(self, text: Text, path: str) -> Text:
        """The expression after sequences of equal ops are moved to stages, which are written before it."""
        while (run := _run(text.links)) is not None:
            start, period, times = run
            name = self.name(path)
            before = Text(text.head, text.links[:start], text.is_sum and start == 0)
            if str(before) != name:
                self.lines.append(f"  {name} = {before}")
            inside = " -> ".join([name, *text.links[start : start + period]])
            stage = free(f"{name}_stage", self.taken)
            self.lines.append(f"  stage {stage} repeat {times} {{ {name} = {inside} }}")
            text = Text(name, text.links[start + period * times :])
        return text

    def _name_all(self, refs: Iterable[Ref]) -> None:
        for ref in refs:
            if not self.values[ref].is_word:
                name = self.name("y")
                self.lines.append(f"  {name} = {self.values[ref]}")
                self.values[ref] = Text(name, [])

    def name(self, path: str) -> str:
        return free(_variable(path, self.body.path), self.taken)


def _run(links: Sequence[str]) -> tuple[int, int, int] | None:
    """The first sequence of at least three equal parts of a chain that contain a declared op.

    Returns the index of its first link, the number of links of a part, and the number of parts; None without
    one.
    """
    for start in range(len(links)):
        for period in (1, 2, 3):
            part, times = links[start : start + period], 1
            while links[start + times * period : start + (times + 1) * period] == part:
                times += 1
            if times >= 3 and any(_is_op(link) for link in part):
                return start, period, times
    return None


def _is_op(link: str) -> bool:
    return link.partition("(")[0] not in ops.primitives()


def _is_primitive(word: str) -> bool:
    return word.rstrip("0123456789").rstrip("_") in ops.primitives()


def op_name(body: Body) -> str:
    """The name of an op: that of the class or op that it was made from, else the joined names of its
    primitives, or `block` if these are too long.
    """
    if body.label:
        return _plain(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", body.label).lower())
    parts = [step.callee if isinstance(step.callee, str) else step.callee.name for step in body.steps]
    short = "_".join(parts)
    return short if len(short) <= _LONGEST_NAME else "block"


def _variable(path: str, within: str) -> str:
    """A name for a tensor, from the last parts of its path within a block."""
    own = path.removeprefix(within).strip(".") or path
    parts = [part for part in re.split(r"[.\[\]@, ]+", own) if part and not _is_primitive(part)]
    while within and parts and parts[-1].isdigit():
        parts.pop()
    found = ""
    for part in reversed(parts):
        longer = f"{part}_{found}" if found else part
        if len(longer) > _LONGEST_NAME or (found and not found[0].isdigit()):
            break
        found = longer
    return _plain(found or "y")


def _plain(name: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_")
    return word if _WORD.match(word) else f"y_{word}" if word else "y"


def free(name: str, taken: set[str]) -> str:
    found = next(n for n in chain([name], (f"{name}_{k}" for k in count(2))) if n not in taken)
    taken.add(found)
    return found
