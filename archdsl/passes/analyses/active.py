"""Computes which decisions are active in a network: those that some output depends on, given the others.

The dependences of a tensor are a set of decisions and of forks: a fork is a mux some of whose dependences
matter only for some of its outcomes. A mux whose candidates all depend on the same decisions is not a fork,
so that one pass reduces thousands of nodes to a few dozen forks. Then the condition under which each fork is
reached is computed from the outputs upwards, as decision diagrams.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Union

from archdsl.ir import Apply, Dim, Expr, Graph, Mux, Pick, Shape, Value
from archdsl.ir.expr import kind, leaves, nodes_in
from archdsl.ir.resolve import lenient
from archdsl.passes.analyses.decision_diagrams import LEAF, Diagrams, TooLarge
from archdsl.passes.analyses.symbolic import Definitions, infer_symbolic

BITS_PER_STEP = 32
"""Members of these sets that are visited in the time of a step over diagrams."""
_SLOTS = 1 << 20

Variable = Union[str, Value]
"""The path of a decision, or a condition on sizes that is treated as a variable."""


class _Effort(NamedTuple):
    """Limits: diagram nodes created and visited, and the size above which a condition becomes a variable.

    Other conditions then test that variable instead of repeating the condition. With few such variables, more
    conditions are found to be equal; with many, larger spaces can be analysed.
    """

    nodes: int
    steps: int
    cut_above: float


_EFFORTS = (_Effort(20_000, 40_000, math.inf), _Effort(50_000, 100_000, 32))
_LAST = _Effort(10_000, 20_000, 32)


class Fork(NamedTuple):
    """A mux some of whose dependences matter only for some values of `on`.

    `cases` are pairs of a value of `on` and a bit set of the dependences under it: bit n is the n-th
    decision, followed by the forks. `newest` is the index of the last decision that the conditions in this
    fork can depend on.
    """

    on: Variable
    cases: tuple[tuple[Any, int], ...]
    newest: int


@dataclass(frozen=True)
class ActiveDecisions:
    """For each decision, the networks in which it is active, as a decision diagram.

    `when` maps decisions to roots in `diagrams`. `outcomes` is the number of outcomes of the variable at each
    level. `paths` maps the levels of decisions to their paths; the other variables are functions, whose
    `definitions` give the index of the outcome. If not `exact`, the conditions are over-approximations.
    """

    diagrams: Diagrams
    when: Mapping[str, int]
    paths: Mapping[int, str]
    outcomes: Mapping[int, int]
    definitions: Mapping[int, int]
    exact: bool


def active_decisions(graph: Graph) -> ActiveDecisions:
    """Computes, for each decision of a space, the set of networks in which it is active."""
    forks, outputs = _forks(graph)
    for effort in _EFFORTS:
        with suppress(TooLarge, ArithmeticError):
            return _Reached(graph, forks, outputs, effort).run()
    return _Reached(graph, forks, outputs, _LAST, last=True).run()


def _forks(graph: Graph) -> tuple[list[Fork], int]:
    """The forks of a space, each after those that it depends on; and the dependences of its outputs."""
    bit = {path: 1 << n for n, path in enumerate(graph.decisions)}
    decisions, of_decisions = len(bit), (1 << len(bit)) - 1
    forks: list[Fork] = []
    made: dict[tuple[Variable, Any], int] = {}
    reads: dict[str, int] = dict.fromkeys(graph.inputs, 0)
    named: dict[int, tuple[int, tuple[str, ...]]] = {}

    def of(value: Value) -> int:
        """The dependences of a setting, or of the condition of a mux, as a bit set."""
        known = named.get(id(value))
        if known is None:
            parts = leaves(value)
            paths = 0
            for part in parts:
                if isinstance(part, Pick):
                    paths |= bit[part.decision]
            nodes = {part.node: None for part in parts if isinstance(part, Dim)}
            known = named[id(value)] = paths, tuple(nodes)
        found = known[0]
        for node in known[1]:
            found |= reads[node]
        return found

    for name, item in graph.nodes.items():
        if isinstance(item, Mux):
            read = bit[item.on] if isinstance(item.on, str) else of(item.on)
            cases: dict[Any, int] = {}
            for key, source in item.cases:
                cases.setdefault(key, 0 if source is None else reads[source])
            always = -1
            for case in cases.values():
                always &= case
            read |= always
            more = tuple([(key, rest) for key, case in cases.items() if (rest := case & ~read)])
            if more:
                number = made.get((item.on, more))
                if number is None:
                    newest = ((read | _union(more)) & of_decisions).bit_length() - 1
                    number = made[item.on, more] = decisions + len(forks)
                    forks.append(Fork(item.on, more, newest))
                read |= 1 << number
        else:
            read = 0
            for source in item.inputs:
                read = read | reads[source] if read else reads[source]
            for setting in item.attrs.values():
                if isinstance(setting, Expr):
                    read |= of(setting)
        reads[name] = read
    outputs = 0
    for node in graph.outputs.values():
        outputs |= reads[node]
    return forks, outputs


def _union(cases: Sequence[tuple[Any, int]]) -> int:
    found = 0
    for _, case in cases:
        found |= case
    return found


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _tested(diagrams: Diagrams, roots: Iterable[int]) -> set[int]:
    """The levels of the variables that these functions depend on."""
    return {diagrams.level[at] for root in set(roots) for at in diagrams.reachable(root)} - {LEAF}


class _Reached:
    """Computes the condition under which each fork is reached, from the outputs upwards.

    Downstream variables are tested first. A condition on sizes is treated as a variable at first, since most
    such conditions cancel out.
    """

    def __init__(self, graph: Graph, forks: list[Fork], outputs: int, effort: _Effort, last: bool = False):
        """With `last`, conditions that are too large, or depend on sizes, are over-approximated by true."""
        self.graph, self.forks, self.outputs = graph, forks, outputs
        self.cut_above, self.last, self.exact = effort.cut_above, last, not last
        self.count = len(graph.decisions)
        self.d = Diagrams(effort.nodes, effort.steps)
        self.level = {path: (self.count - n) * _SLOTS for n, path in enumerate(graph.decisions)}
        self.full = False
        self._paths = {level: path for path, level in self.level.items()}
        self._cut: dict[int, int] = {}
        self.conditions: dict[int, tuple[Value, list[Any]]] = {}
        self._level_of: dict[Value, int] = {}
        self._functions: dict[tuple[type, Value], int] = {}

    def run(self) -> ActiveDecisions:
        d = self.d
        when = self._all_reached()
        tested = _tested(d, when.values())
        ahead = sorted(tested - self._paths.keys())
        while ahead:
            level = ahead.pop()
            new = _tested(d, [self._defined(level)]) - tested
            tested |= new
            ahead += new - self._paths.keys()
        outcomes = {level: self._size(level) for level in tested}
        paths = {level: self._paths[level] for level in tested & self._paths.keys()}
        definitions = {level: self._defined(level) for level in tested - self._paths.keys()}
        return ActiveDecisions(d, when, paths, outcomes, definitions, self.exact)

    def _all_reached(self) -> dict[str, int]:
        """The condition under which each decision is active; those of forks are computed on the way."""
        forks, first = self.forks, self.count
        terms: list[list[int]] = [[] for _ in range(first + len(forks))]
        always = self.outputs  # what is reached in every network, whatever else leads to it
        for n in reversed(range(len(forks))):
            here = self.d.true if always >> (first + n) & 1 else self._any(terms[first + n])
            if here == self.d.false:
                continue
            here = self._small(here)
            under: dict[int, list[Any]] = {}
            for key, more in forks[n].cases:
                if self.full:
                    always |= more
                    continue
                unsure = more & ~always
                self._bounded(self._visit, unsure.bit_count())
                for number in _bits(unsure):
                    under.setdefault(number, []).append(key)
            found: dict[tuple[Any, ...], int] = {}
            for number, keys in under.items():
                test = tuple(keys)
                if test not in found:
                    found[test] = self._bounded(self._both, here, forks[n], frozenset(test))
                if found[test] == self.d.true:
                    always |= 1 << number
                else:
                    terms[number].append(found[test])
        return {
            path: self.d.true if always >> n & 1 else self._any(terms[n])
            for n, path in enumerate(self.graph.decisions)
        }

    def _visit(self, bits: int) -> int:
        """Adds the cost of an operation on sets with `bits` members in total to the number of steps; returns
        the constant function true. Raises TooLarge.
        """
        self.d.steps += bits // BITS_PER_STEP
        if self.d.steps > self.d.most_steps:
            raise TooLarge(f"{self.d.most_steps:,} steps over sets of decisions")
        return self.d.true

    def _any(self, terms: Iterable[int]) -> int:
        """The disjunction of conditions, beginning with those that test only upstream variables."""
        found = self.d.false
        for term in sorted(set(terms), key=lambda root: -self.d.level[root]):
            found = self._bounded(self.d.either, found, term)
        return found

    def _both(self, here: int, fork: Fork, keys: frozenset[Any]) -> int:
        return self.d.both(here, self._test(fork, keys))

    def _bounded(self, condition: Callable[..., int], *given: Any) -> int:
        """The condition computed by `condition`; true if it is too large and this is the last attempt."""
        if self.full:
            return self.d.true
        try:
            return condition(*given)
        except TooLarge:
            if not self.last:
                raise
            self.full = True
            return self.d.true

    def _small(self, root: int) -> int:
        """The condition itself, or a new variable defined by it if it has many diagram nodes."""
        if len(self.d.reachable(root)) <= self.cut_above or self.full:
            return root
        level = max(_tested(self.d, [root])) + 1
        while level in self._cut:
            level += 1
        self._cut[level] = root
        return self.d.node(level, (self.d.false, self.d.true))

    def _test(self, fork: Fork, keys: frozenset[Any]) -> int:
        """The condition that the value of a fork's `on` is one of these keys."""
        d, on = self.d, fork.on
        if isinstance(on, str):
            size = self.graph.decisions[on].size
            return d.node(self.level[on], tuple([d.true if o in keys else d.false for o in range(size)]))
        if not nodes_in(on):
            return d.map(lambda value: value in keys, self._function(on))
        if self.last:
            return d.true
        level = self._level_of.get(on)
        if level is None:
            level = self._level_of[on] = self._new_level(fork)
        known = self.conditions[level][1]
        return d.node(
            level,
            tuple(
                [d.true if o < len(known) and known[o] in keys else d.false for o in range(self._size(level))]
            ),
        )

    def _new_level(self, fork: Fork) -> int:
        """Introduces a variable for a condition on sizes; returns its level, before the decisions it can
        depend on.
        """
        level = (self.count - fork.newest) * _SLOTS - 1
        while level in self.conditions:
            level -= 1
        assert not isinstance(fork.on, str)
        if kind(fork.on) == "bool":
            keys: list[Any] = [False, True]
        else:
            keys = list(
                dict.fromkeys(k for other in self.forks if other.on == fork.on for k, _ in other.cases)
            )
        self.conditions[level] = fork.on, keys
        return level

    def _size(self, level: int) -> int:
        """The number of outcomes of a variable.

        For a condition on sizes, these are the keys of the fork and one outcome for all other values.
        """
        if level in self._paths:
            return self.graph.decisions[self._paths[level]].size
        if level in self._cut:
            return 2
        on, keys = self.conditions[level]
        return len(keys) if kind(on) == "bool" else len(keys) + 1

    # ------------------------------------------------------------ values as functions of decisions

    def _defined(self, level: int) -> int:
        """The outcome index of a variable that is not a decision, as a function. Raises TooLarge,
        ArithmeticError.
        """
        if level in self._cut:
            return self.d.map(int, self._cut[level])
        on, keys = self.conditions[level]

        def number(value: Any) -> int:
            return keys.index(value) if value in keys else len(keys) - (kind(on) == "bool")

        return self.d.map(number, self._function(on))

    def _function(self, wanted: Value) -> int:
        """A value as a function of decisions; not recursive, since values may be deeply nested."""
        found, ahead = self._functions, [wanted]
        while ahead:
            value = ahead[-1]
            if (type(value), value) in found:
                ahead.pop()
                continue
            parts = self._parts(value)
            missing = [part for part in parts if (type(part), part) not in found]
            if missing:
                ahead += missing
                continue
            found[type(value), value] = self._of_parts(value, [found[type(p), p] for p in parts])
            ahead.pop()
        return found[type(wanted), wanted]

    def _parts(self, value: Value) -> Sequence[Value]:
        if isinstance(value, Apply):
            return value.args
        if isinstance(value, Dim):
            if value not in self._definitions:
                return (self._shapes[value.node][value.axis],)
            mux, sizes = self._definitions[value]
            return (self._selector(mux), *[size for size in sizes if size is not None])
        return ()

    def _of_parts(self, value: Value, parts: list[int]) -> int:
        d = self.d
        if isinstance(value, Pick):
            leaves = [d.leaf(v) for v in value.values]
            return d.node(self.level[value.decision], tuple(leaves))
        if isinstance(value, Apply):
            return d.map(lenient(value.fn), *parts)
        if isinstance(value, Dim):
            if value not in self._definitions:
                return parts[0]
            mux, sizes = self._definitions[value]
            there = [key for (key, _), size in zip(mux.cases, sizes, strict=True) if size is not None]
            return d.choose(parts[0], parts[1:], lambda v: there.index(v) if v in there else None)
        return d.leaf(value)

    def _selector(self, mux: Mux) -> Value:
        if isinstance(mux.on, str):
            return Pick(mux.on, tuple(range(self.graph.decisions[mux.on].size)))
        return mux.on

    @cached_property
    def _symbolic(self) -> tuple[Mapping[str, Shape], Definitions]:
        return infer_symbolic(self.graph)

    @property
    def _shapes(self) -> Mapping[str, Shape]:
        return self._symbolic[0]

    @property
    def _definitions(self) -> Definitions:
        return self._symbolic[1]
