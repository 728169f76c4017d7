"""The decisions of a search as indices: active decisions, and sampling of networks.

Strategies know nothing else of a space.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, Union

from archdsl.search.strategies.base import Outcomes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archdsl.ir import Graph
    from archdsl.passes.analyses.networks import Networks, Over

TRIES = 16
"""Networks sampled one by one until one satisfies the requirements, before sampling in bulk."""
AT_ONCE = (256, 2048, *[8192] * 61)
"""Numbers of networks sampled in bulk; half a million in total."""
STEPS = 256
"""Steps of a random walk from one of the extreme networks, if none of these satisfies the requirements."""
MUTATIONS = 1_000
"""Maximum number of mutations until one satisfies the requirements."""

Tree = Union[bool, int, tuple[int, tuple[Any, ...]]]
"""A decision diagram as nested tuples: the position of a variable, and what follows from each outcome."""


class Limits(Protocol):
    """The requirements on costs, of the space and of the search."""

    def meets(self, outcomes: Outcomes) -> bool:
        """Whether a network satisfies them."""

    def meets_many(self, rows: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Whether each of N networks, N × decisions, satisfies them; None if that is not faster than one
        by one.
        """

    def extremes(self) -> Iterable[Outcomes]:
        """The cheapest and most expensive networks by the costs that requirements name."""


class _NoLimits:
    def meets(self, outcomes: Outcomes) -> bool:
        return True

    def meets_many(self, rows: NDArray[Any]) -> NDArray[np.bool_] | None:
        return None

    def extremes(self) -> Iterable[Outcomes]:
        return ()


class Domain:
    """The decisions of a search, by index.

    `outcomes` are their texts; `goals` counts the objectives. Requirements are those on costs, of the space
    and of the search.
    """

    def __init__(
        self,
        paths: Sequence[str],
        outcomes: Sequence[Sequence[str]],
        goals: int = 1,
        active: _Active | None = None,
        limits: Limits | None = None,
        networks: Callable[[], Networks] | None = None,
    ):
        self.paths, self.goals = tuple(paths), goals
        self.outcomes = tuple(tuple(texts) for texts in outcomes)
        self.sizes = tuple(len(texts) for texts in self.outcomes)
        self._active, self._networks = active, networks
        self._limits = _NoLimits() if limits is None else limits
        self._meets = self._limits.meets

    @classmethod
    def of_sizes(cls, sizes: Iterable[int], goals: int = 1) -> Domain:
        """A domain of decisions that are always active, without requirements."""
        outcomes = [[str(o) for o in range(size)] for size in sizes]
        return cls([f"d{n}" for n in range(len(outcomes))], outcomes, goals)

    @classmethod
    def of_graph(cls, graph: Graph, goals: int = 1, limits: Limits | None = None) -> Domain:
        """The decisions of a space."""
        from archdsl.passes.analyses.networks import Networks

        outcomes = [decision.outcomes for decision in graph.decisions.values()]
        return cls(list(graph.decisions), outcomes, goals, _active(graph), limits, lambda: Networks(graph))

    def active(self, outcomes: Outcomes) -> tuple[bool, ...]:
        """The active decisions: those that some output depends on, given the others."""
        return (True,) * len(self.sizes) if self._active is None else self._active.of(outcomes)

    def canonical(self, outcomes: Outcomes) -> Outcomes:
        """The same network with the first outcome for inactive decisions.

        Equal for equal assignments of the active decisions.
        """
        return outcomes if self._active is None else self._active.canonical(outcomes)

    def allowed(self, outcomes: Outcomes) -> bool:
        """Whether a network satisfies the requirements on costs."""
        return self._meets(outcomes)

    def allowed_many(self, rows: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Whether each of N networks, N × decisions, is allowed; None if that is not faster than one by
        one.
        """
        return self._limits.meets_many(rows)

    def sample(self, rng: Random, over: Over = "outcomes") -> Outcomes | None:
        """A random network that satisfies the requirements, canonical; None if none was found.

        Uniform over the outcomes of each active decision, or with "networks" over networks, given the
        requirements. If fewer than one in half a million satisfies them, it is the end of a random walk from
        the cheapest or most expensive network, which is not uniform. Raises SpecError (ARCH416) if networks
        cannot be counted.
        """
        one = self._sampled if over == "outcomes" else self._network
        for _ in range(TRIES):
            found = one(rng)
            if self._meets(found):
                return found
        return self._of_many(rng, over) or self._walked(rng)

    def _of_many(self, rng: Random, over: Over) -> Outcomes | None:
        """The first of many random networks that satisfies the requirements."""
        import numpy as np

        numbers = np.random.default_rng(rng.getrandbits(64))
        for count in AT_ONCE:
            if over == "outcomes":
                rows = np.stack([numbers.integers(0, size, count) for size in self.sizes], axis=1)
            else:
                rows = np.array([self._network(rng) for _ in range(count)])
            met = self._limits.meets_many(rows)
            if met is None:
                return None
            if met.any():
                return self.canonical(tuple(map(int, rows[int(met.argmax())])))
        return None

    def _walked(self, rng: Random) -> Outcomes | None:
        at = next((self.canonical(one) for one in self._limits.extremes() if self._meets(one)), None)
        if at is not None:
            for _ in range(STEPS):
                at = self.mutated(at, rng) or at
        return at

    def mutated(self, outcomes: Outcomes, rng: Random) -> Outcomes | None:
        """The network with another outcome of one active decision, canonical.

        None if nothing can be changed, or none of MUTATIONS satisfies the requirements.
        """
        active = self.active(outcomes)
        open = [n for n, size in enumerate(self.sizes) if active[n] and size > 1]
        if not open:
            return None
        for _ in range(MUTATIONS):
            n = open[int(rng.random() * len(open))]
            other = int(rng.random() * (self.sizes[n] - 1))
            other += other >= outcomes[n]
            found = self.canonical((*outcomes[:n], other, *outcomes[n + 1 :]))
            if self._meets(found):
                return found
        return None

    def _sampled(self, rng: Random) -> Outcomes:
        random = rng.random
        return self.canonical(tuple([int(random() * size) for size in self.sizes]))

    def _network(self, rng: Random) -> Outcomes:
        sampled = self._counted.sample(rng)
        return tuple([sampled.get(path, 0) for path in self.paths])

    @cached_property
    def _counted(self) -> Networks:
        """The counted networks. Raises SpecError (ARCH416)."""
        if self._networks is None:
            raise ValueError("a domain without a space supports `over = outcomes` only")
        found = self._networks()
        if not found.count.exact:
            from archdsl.diagnostics import Diagnostic, SpecError

            help = "sample outcomes instead: random(over = outcomes)"
            raise SpecError([Diagnostic("ARCH416", "the networks of the space cannot be counted", help=help)])
        return found


class _Active:
    """When decisions are active, as trees over outcomes and over variables that are functions of these."""

    def __init__(self, when: Sequence[Tree], functions: Sequence[tuple[int, Tree]], size: int):
        self.functions, self.size = functions, size
        self.some = [(n, tree) for n, tree in enumerate(when) if tree is not True]

    def of(self, outcomes: Outcomes) -> tuple[bool, ...]:
        values = self._values(outcomes)
        found = [True] * self.size
        for n, tree in self.some:
            found[n] = _at(tree, values)
        return tuple(found)

    def canonical(self, outcomes: Outcomes) -> Outcomes:
        values = self._values(outcomes)
        found = list(outcomes)
        for n, tree in self.some:
            if found[n] and not _at(tree, values):
                found[n] = 0
        return tuple(found)

    def _values(self, outcomes: Outcomes) -> Sequence[int]:
        if not self.functions:
            return outcomes
        values = [*outcomes, *[0] * len(self.functions)]
        for position, tree in self.functions:
            values[position] = _at(tree, values)
        return values


def _at(tree: Any, values: Sequence[int]) -> Any:
    while type(tree) is tuple:
        tree = tree[1][values[tree[0]]]
    return tree


def _active(graph: Graph) -> _Active:
    from archdsl.passes.analyses.active import active_decisions

    found = active_decisions(graph)
    d, paths = found.diagrams, list(graph.decisions)
    number = {path: n for n, path in enumerate(paths)}
    position = {level: number[path] for level, path in found.paths.items()}
    # A function's variables stand at other levels; those of other functions come before it.
    ahead = _in_order(found.definitions, lambda level: _levels(d, found.definitions[level]))
    position |= {level: len(paths) + n for n, level in enumerate(ahead)}
    made: dict[int, Tree] = {}

    def tree(root: int) -> Tree:
        for at in sorted(d.reachable(root), key=lambda at: -d.level[at]):
            if at not in made:
                leaf = d.is_leaf(at)
                made[at] = (
                    d.value(at) if leaf else (position[d.level[at]], tuple([made[c] for c in d.children[at]]))
                )
        return made[root]

    functions = [(position[level], tree(found.definitions[level])) for level in ahead]
    when = [tree(found.when[path]) if path in found.when else True for path in paths]
    return _Active(when, functions, len(paths))


def _levels(d: Any, root: int) -> set[int]:
    return {d.level[at] for at in d.reachable(root) if not d.is_leaf(at)}


def _in_order(levels: Iterable[int], reads: Callable[[int], set[int]]) -> list[int]:
    """Functions in topological order."""
    wanted = list(levels)
    found: list[int] = []
    while len(found) < len(wanted):
        ready = [
            level for level in wanted if level not in found and not (reads(level) & set(wanted)) - {*found}
        ]
        assert ready, "circular functions"
        found += ready
    return found
