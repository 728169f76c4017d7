"""Writes the neighbourhood of a network as a space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count

from archdsl.diagnostics import Diagnostic, Source, SpecError
from archdsl.fold.bodies import Body, Step
from archdsl.fold.naming import free
from archdsl.fold.statements import Block, Link, Text
from archdsl.fold.writing import File, network_blocks
from archdsl.ir.expr import Pick, Value
from archdsl.ir.graph import Graph, Shape
from archdsl.ir.same import same_but_for_names
from archdsl.lang import format_source
from archdsl.ops import get
from archdsl.passes.analyses.shapes import infer
from archdsl.program import Network, Program, Space, load
from archdsl.spec.decompile import outcome_source
from archdsl.widen.candidates import Candidate
from archdsl.widen.declared import Copied
from archdsl.widen.widths import Widths, widths


@dataclass(frozen=True)
class Neighbourhood:
    """The extent of the space: factors of widths, change of the number of repeated blocks, and candidate
    ops.
    """

    factors: Sequence[Fraction] = (Fraction(1),)
    multiple: int = 8
    depth: int = 0
    candidates: Sequence[Candidate] = ()


@dataclass(frozen=True)
class Widened:
    """A space around a network. `text` is a file with the space, and the network as decisions of the
    space.
    """

    text: str
    program: Program
    space: Space
    origin: Network


def widen(network: Network, around: Neighbourhood, name: str) -> Widened:
    """The neighbourhood of a network as a space that contains the network.

    Widths of layers whose outputs are added, or must be equal for other reasons, are one decision. Raises
    SpecError (ARCH834) if nothing varies.
    """
    graph = network.with_train_outputs().graph
    wide = widths(graph, around.factors, around.multiple, _rows(graph) if around.depth else ())
    top, bodies = network_blocks(wide.graph, wide.shapes)
    file = _File(wide, top, bodies, around, name)
    text = file.text([f"The neighbourhood of {graph.name}."], {})
    if not file.chosen:
        help = "increase --depth or --width, or add candidates by --ops"
        raise SpecError([Diagnostic("ARCH834", f"nothing of {graph.name} varies", help=help)])
    rows = "".join(f"  {path} = {outcome_source(outcome)}\n" for path, outcome in file.chosen.items())
    text += f"\n# The network itself.\nnetwork {graph.name} from {name} {{\n{rows}}}\n"
    text = format_source(Source("widened", text))
    program = load(f"{name}.arch", text=text)
    own = program.network(graph.name)
    if not same_but_for_names(own.with_train_outputs().graph, graph):
        raise ValueError(f"{name} does not contain {graph.name}")
    return Widened(text, program, program.space(name), own)


def _rows(graph: Graph) -> list[list[tuple[str, ...]]]:
    """Sequences of equal consecutive ops that keep the size of their input, each op as its nodes."""
    same = Widths(graph, infer(graph), {})
    top, bodies = network_blocks(graph, same.shapes)
    file = _File(same, top, bodies, Neighbourhood(depth=1), graph.name)
    file.text([], {})
    return file.rows


class _File(File):
    kind = "space"

    def __init__(self, wide: Widths, top: Body, bodies: Sequence[Body], around: Neighbourhood, name: str):
        self.copied = Copied()
        for candidate in around.candidates:
            self.copied.add(candidate.copied)
        super().__init__(wide.graph, top, bodies, {name, *self.copied.names, *wide.now})
        self.wide, self.around, self.name = wide, around, name
        self.chosen: dict[str, str] = {}
        self.rows: list[list[tuple[str, ...]]] = []

    def imports(self) -> list[str]:
        by_file: dict[str, list[str]] = {}
        for name, file in self.copied.imports.items():
            by_file.setdefault(file, []).append(name)
        imports = [f'import {", ".join(names)} from "{file}"' for file, names in by_file.items()]
        return [*imports, *(f"{text}\n" for text in self.copied.texts.values())]

    def block(self, settings: list[dict[str, str]], taken: set[str]) -> Block:
        block = _WideBlock(self.top, settings, list(self.graph.inputs), taken, self.wide, self.around)
        for name, values in self.wide.candidates.items():
            block.lines.append(f"  {name} = one of {{{', '.join(map(str, values))}}}")
            block.chosen[name] = str(self.wide.now[name])
        self.chosen, self.rows = block.chosen, block.rows
        return block


class _WideBlock(Block):
    """Writes the block of a space: ops in chains become decisions, and repeated ops get a decision on their
    number.
    """

    def __init__(
        self, body: Body, settings: list[dict[str, str]], inputs: Sequence[str], taken: set[str],
        wide: Widths, around: Neighbourhood,
    ):  # fmt: skip
        super().__init__(body, settings, inputs, taken)
        self.wide, self.around = wide, around
        self.sources = list(wide.graph.inputs)
        self.chosen: dict[str, str] = {}
        self.rows: list[list[tuple[str, ...]]] = []

    def is_inlined(self, ref: tuple[int, int], text: Text) -> bool:
        """Whether an expression is part of a chain; other expressions are statements, in which ops can be
        decisions.
        """
        readers = self.readers.get(ref, [])
        if len(readers) != 1 or (readers[0] >= 0 and self.body.steps[readers[0]].tied):
            return False
        if readers[0] < 0:
            return True
        return super().is_inlined(ref, text) and len(self.body.steps[readers[0]].reads) == 1

    def unrolled(self, text: Text, path: str) -> Text:
        found, ahead = Text(text.head, [], text.is_sum), list(text.links)
        while ahead:
            link = ahead[0]
            times = next((n for n, other in enumerate(ahead) if other != link), len(ahead))
            step = self.body.steps[link.step]
            if self.around.depth and self._keeps_shape(step):
                self.rows.append([self.body.steps[other.step].nodes for other in ahead[:times]])
                found = self._repeated(found, link, times)
                ahead = ahead[times:]
                continue
            label = self._decided(link, "", "  ")
            found = Text(found.head, [*found.links, Link(label, link.step)], found.is_sum and not label)
            ahead = ahead[1:]
        return found

    def _repeated(self, before: Text, link: Link, times: int) -> Text:
        """Writes a sequence of equal ops with a decision on its length."""
        least, most = max(1, times - self.around.depth), times + self.around.depth
        depth, entries, stage = (self._numbered(base) for base in ("depth", "rounds", "blocks"))
        self.lines.append(f"  {depth} = one of {{{least}..{most}}}")
        self.chosen[depth] = str(times)
        self.lines.append(f"  {entries}[0] = {before}")
        self.lines.append(f"  stage {stage} for i in 1..{most} {{")
        label = self._decided(link, f"{stage}[{{}}].", "    ", times)
        self.lines.append(f"    {entries}[i] = {entries}[i - 1] -> {label}")
        self.lines.append("  }")
        return Text(f"{entries}[{depth}]", [])

    def _decided(self, link: Link, path: str, indent: str, rounds: int = 1) -> str:
        """The name of a decision between an op and the candidates that fit in its place; the op if there are
        none.
        """
        step = self.body.steps[link.step]
        others = self._others(step)
        if not others:
            return str(link)
        labels: set[str] = set()
        own = free(str(link).partition("(")[0], labels)
        members = [f"{own}: {link}"]
        members += [f"{free(c.label, labels)}: {text}" for c, text in others]
        name = "kind" if path else self._numbered("kind")
        self.lines.append(f"{indent}{name} = one of {{{', '.join(members)}}}")
        for n in range(1, rounds + 1):
            self.chosen[f"{path.format(n)}{name}"] = own
        return name

    def _numbered(self, base: str) -> str:
        """The first of the names base_1, base_2, … that is not in use; reserves it."""
        name = next(name for n in count(1) if (name := f"{base}_{n}") not in self.taken)
        self.taken.add(name)
        return name

    def _others(self, step: Step) -> list[tuple[Candidate, str]]:
        """The candidates that return a tensor of the same size as a step, with their texts."""
        (c, h, w), (y, rows, columns) = self._shapes(step)
        if not self._is_block(step) or not isinstance(y, (int, Pick)):
            return []  # a sum of widths has no name
        assert isinstance(h, int)
        assert isinstance(w, int)
        assert isinstance(rows, int)
        stride = max(1, round(h / rows))
        if (-(-h // stride), -(-w // stride)) != (rows, columns):
            return []
        found = []
        for candidate in self.around.candidates:
            settings = [f"c = {_text(y)}"] if c != y else []
            settings += [f"s = {stride}"] if stride > 1 else []
            if {setting[0] for setting in settings} <= candidate.accepts:
                found.append((candidate, candidate.text(settings)))
        return found

    def _is_block(self, step: Step) -> bool:
        """Whether other ops can replace a step: an op, or a primitive with a kernel and a width."""
        if step.tied or step.outputs != 1 or len(step.reads) != 1:
            return False
        if isinstance(step.callee, Body):
            return True
        names = {setting.name for setting in get(step.callee).settings}
        return {"c", "k"} <= names and step.values["k"] != [1]

    def _keeps_shape(self, step: Step) -> bool:
        before, after = self._shapes(step)
        return isinstance(step.callee, Body) and self._is_block(step) and before == after

    def _shapes(self, step: Step) -> tuple[Shape, Shape]:
        number, output = step.reads[0]
        sources = self.sources if number < 0 else self.body.steps[number].results
        return self.wide.shapes[sources[output]], self.wide.shapes[step.results[0]]


def _text(width: Value) -> str:
    return width.decision if isinstance(width, Pick) else str(width)
