"""Which decisions arise in a network: those that some output reads under the others.

What a tensor reads is a set of decisions, and of forks: places where what is read further depends on a
decision.  A choice all of whose candidates read the same is no fork, so that thousands of nodes shrink to
a few dozen forks in one pass.  When each of them is reached is then found from the outputs upwards, as
decision diagrams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Union

from archdsl.ir import Apply, Dim, Expr, Graph, Mux, Pick, Shape, Value
from archdsl.ir.expr import kind, leaves, nodes_in
from archdsl.ir.resolve import lenient
from archdsl.passes.decision_diagrams import LEAF, Diagrams, TooLarge
from archdsl.passes.symbolic import Definitions, infer_symbolic

MOST_DIAGRAM_NODES = 50_000
MOST_OF_ONE = 5_000
"""Diagram nodes that one fork may add before it is taken to be reached in all networks."""
MOST_BITS = 1 << 32
"""Bits of all the sets of what tensors read."""
_SLOTS = 1 << 20

Variable = Union[str, Value]
"""The path of a decision, or a condition on sizes that is not looked into."""


class Fork(NamedTuple):
    """Where more is read under some values of `on`: of the n-th decision or fork, where bit n is set.

    `newest` is the number of the last decision that what stands here can depend on.
    """

    on: Variable
    cases: tuple[tuple[Any, int], ...]
    newest: int


@dataclass(frozen=True)
class Arising:
    """In which networks each decision arises.

    `when` are roots in `diagrams`, whose variables stand at levels: `variables` says which, and
    `outcomes` how many outcomes each has.  Where not `exact` a decision may arise in fewer networks than
    its condition says, never in more.  `definitions` are functions that conditions on sizes are, by level.
    """

    diagrams: Diagrams
    when: Mapping[str, int]
    variables: Mapping[int, Variable]
    outcomes: Mapping[int, int]
    definitions: Mapping[int, int]
    exact: bool


def arising(graph: Graph) -> Arising:
    """In which networks of a space each of its decisions arises."""
    forks, outputs = _forks(graph)
    found = _Reached(graph, forks, outputs).run()
    if any(not isinstance(on, str) for on in found.variables.values()) and not found.definitions:
        return _Reached(graph, forks, outputs, look_at_sizes=False).run()
    return found


def _forks(graph: Graph) -> tuple[list[Fork], int]:
    """The forks of a space, each after those that it can lead to, and what its outputs read."""
    bit = {path: 1 << n for n, path in enumerate(graph.decisions)}
    decisions, of_decisions = len(bit), (1 << len(bit)) - 1
    forks: list[Fork] = []
    made: dict[tuple[Variable, Any], int] = {}
    reads: dict[str, int] = dict.fromkeys(graph.inputs, 0)
    named: dict[int, tuple[int, tuple[str, ...]]] = {}

    def of(value: Value) -> int:
        """What a setting reads, or the condition of a mux."""
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


class _Reached:
    """Finds when each fork is reached, from the outputs upwards: what acts downstream is tested first.

    A condition on sizes is a variable of its own at first, because most of them cancel out.
    """

    def __init__(self, graph: Graph, forks: list[Fork], outputs: int, look_at_sizes: bool = True):
        """With `look_at_sizes=False` all cases of a condition on sizes are taken to be reached."""
        self.graph, self.forks, self.outputs = graph, forks, outputs
        self.look_at_sizes, self.exact = look_at_sizes, look_at_sizes
        self.count = len(graph.decisions)
        self.d = Diagrams(MOST_DIAGRAM_NODES)
        self.level = {path: (self.count - n) * _SLOTS for n, path in enumerate(graph.decisions)}
        self.conditions: dict[int, tuple[Value, list[Any]]] = {}
        self._level_of: dict[Value, int] = {}
        self._functions: dict[tuple[type, Value], int] = {}

    def run(self) -> Arising:
        d = self.d
        reached = self._all_reached()
        when = dict(zip(self.graph.decisions, reached, strict=False))
        tested = {d.level[at] for root in set(when.values()) for at in d.reachable(root)} - {LEAF}
        definitions: dict[int, int] = {}
        try:
            for level in sorted(tested & self.conditions.keys()):
                definitions[level] = self._definition(*self.conditions[level])
        except (TooLarge, ArithmeticError):
            definitions = {}
        for root in definitions.values():
            tested |= {d.level[at] for at in d.reachable(root)} - {LEAF}
        paths = {level: path for path, level in self.level.items()}
        decisions = self.graph.decisions
        outcomes = {v: decisions[paths[v]].size if v in paths else self._size(v) for v in tested}
        variables = {v: paths[v] if v in paths else self.conditions[v][0] for v in tested}
        return Arising(d, when, variables, outcomes, definitions, self.exact)

    def _all_reached(self) -> list[int]:
        """When each decision and each fork is reached."""
        d, forks, first = self.d, self.forks, self.count
        reached = [d.false] * (first + len(forks))
        for number in _bits(self.outputs):
            reached[number] = d.true
        for n in reversed(range(len(forks))):
            here = reached[first + n]
            if here == d.false:
                continue
            under: dict[int, list[Any]] = {}
            for key, more in forks[n].cases:
                for number in _bits(more):
                    under.setdefault(number, []).append(key)
            found: dict[tuple[Any, ...], int] = {}
            for number, keys in under.items():
                test = tuple(keys)
                if test not in found:
                    found[test] = self._both(here, forks[n], keys)
                reached[number] = self._bounded(d.either, reached[number], found[test])
        return reached

    def _both(self, here: int, fork: Fork, keys: list[Any]) -> int:
        return self._bounded(lambda: self.d.both(here, self._test(fork, keys)))

    def _bounded(self, condition: Callable[..., int], *given: int) -> int:
        """A condition; one that holds in all networks where it takes too much to say in which it holds."""
        before = len(self.d.level)
        try:
            found = condition(*given)
        except TooLarge:
            found = self.d.true
            self.exact = False
        if len(self.d.level) - before > MOST_OF_ONE:
            self.exact = False
            return self.d.true
        return found

    def _test(self, fork: Fork, keys: list[Any]) -> int:
        """When a fork has one of these values."""
        d, on = self.d, fork.on
        if isinstance(on, str):
            size = self.graph.decisions[on].size
            return d.node(self.level[on], tuple([d.true if o in keys else d.false for o in range(size)]))
        if not nodes_in(on):
            return d.map(lambda value: value in keys, self._function(on))
        if not self.look_at_sizes:
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
        """A condition on sizes is tested before the newest decision that it can depend on."""
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
        """How many outcomes a condition on sizes has: its keys, and one for all other values."""
        on, keys = self.conditions[level]
        return len(keys) if kind(on) == "bool" else len(keys) + 1

    # ------------------------------------------------------------ values as functions of decisions

    def _definition(self, on: Value, keys: list[Any]) -> int:
        """The number of the key that a condition on sizes comes out as."""

        def number(value: Any) -> int:
            return keys.index(value) if value in keys else len(keys) - (kind(on) == "bool")

        return self.d.map(number, self._function(on))

    def _function(self, wanted: Value) -> int:
        """A value as a function of decisions, without recursion: values may be nested deep."""
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
