"""The statements of a block, in which chains of steps are one expression and equal steps are stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from archdsl import ops
from archdsl.fold.bodies import Body, Step
from archdsl.fold.naming import free, plain, variable
from archdsl.fold.pieces import Ref
from archdsl.lang.machine import NAME


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
        return not self.links and NAME.match(self.head) is not None

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
        self.names = {name: free(plain(name), self.taken) if name in taken else name for name in inputs}
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
        return free(variable(path, self.body.path), self.taken)


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
