"""The interface of a space to strategies: decisions by index, active decisions, sampling of networks.

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
"""The number of networks that are sampled one by one, until one is allowed, before sampling in bulk."""
AT_ONCE = (256, 2048, *[8192] * 61)
"""The numbers of networks in successive bulks of samples, half a million in total."""
STEPS = 256
"""The number of steps of a random walk from an extreme network, if no sample satisfies the requirements."""
MUTATIONS = 1_000
"""The maximum number of random mutations of a network that are tried to find one that satisfies the
requirements.
"""

Tree = Union[bool, int, tuple[int, tuple[Any, ...]]]
"""A decision diagram as nested tuples: a leaf value, or the index of a variable and a tree per outcome."""


class Limits(Protocol):
    """The requirements that can be checked without evaluating networks, of the space and of the search."""

    def meets(self, outcomes: Outcomes) -> bool:
        """Whether a network satisfies the requirements."""

    def meets_many(self, rows: NDArray[Any]) -> NDArray[np.bool_] | None:
        """`meets` for each of N networks (`rows`: N × decisions); None if not faster than single calls."""

    def extremes(self) -> Iterable[Outcomes]:
        """The networks with the minimum and the maximum of each cost that requirements name."""


class _NoLimits:
    def meets(self, outcomes: Outcomes) -> bool:
        return True

    def meets_many(self, rows: NDArray[Any]) -> NDArray[np.bool_] | None:
        return None

    def extremes(self) -> Iterable[Outcomes]:
        return ()


class Domain:
    """The decisions of a search, by index; a network is a tuple of outcome indices.

    `paths` and `outcomes` are the names of the decisions and the texts of their outcomes; `goals` is the
    number of objectives. "Requirements" are those of the space and those on costs of the search.
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
        """A domain of decisions with these numbers of outcomes, always active, without requirements."""
        outcomes = [[str(o) for o in range(size)] for size in sizes]
        return cls([f"d{n}" for n in range(len(outcomes))], outcomes, goals)

    @classmethod
    def of_graph(cls, graph: Graph, goals: int = 1, limits: Limits | None = None) -> Domain:
        """The domain of the decisions of a space."""
        from archdsl.passes.analyses.networks import Networks

        outcomes = [decision.outcomes for decision in graph.decisions.values()]
        return cls(list(graph.decisions), outcomes, goals, _active(graph), limits, lambda: Networks(graph))

    def active(self, outcomes: Outcomes) -> tuple[bool, ...]:
        """Whether each decision is active: whether some output depends on it, given the other outcomes."""
        return (True,) * len(self.sizes) if self._active is None else self._active.of(outcomes)

    def canonical(self, outcomes: Outcomes) -> Outcomes:
        """The canonical form of a network: outcome 0 for all inactive decisions.

        Networks with equal outcomes of active decisions have the same canonical form.
        """
        return outcomes if self._active is None else self._active.canonical(outcomes)

    def allowed(self, outcomes: Outcomes) -> bool:
        """Whether a network satisfies the requirements."""
        return self._meets(outcomes)

    def allowed_many(self, rows: NDArray[Any]) -> NDArray[np.bool_] | None:
        """`allowed` for each of N networks (`rows`: N × decisions); None if not faster than single calls."""
        return self._limits.meets_many(rows)

    def sample(self, rng: Random, over: Over = "outcomes") -> Outcomes | None:
        """A random network that satisfies the requirements, canonical; None if none was found.

        Networks are sampled uniformly over the outcomes of each decision, or, with `over="networks"`,
        uniformly over networks, until one satisfies the requirements. If none of half a million does, the
        result is the end of a random walk from a network with an extreme cost, which is not uniform. Raises
        SpecError (ARCH416) if `over="networks"` and the networks cannot be counted.
        """
        one = self._sampled if over == "outcomes" else self._network
        for _ in range(TRIES):
            found = one(rng)
            if self._meets(found):
                return found
        return self._of_many(rng, over) or self._walked(rng)

    def _of_many(self, rng: Random, over: Over) -> Outcomes | None:
        """The first network in bulks of random ones that satisfies the requirements; None without one."""
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
        """The network with a random other outcome of one active decision, canonical.

        None if no decision can be changed, or if none of MUTATIONS such networks satisfies the requirements.
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
        """The networks of the space, counted for uniform sampling.

        Raises SpecError (ARCH416) if not possible.
        """
        if self._networks is None:
            raise ValueError("a domain without a space supports `over = outcomes` only")
        found = self._networks()
        if not found.count.exact:
            from archdsl.diagnostics import Diagnostic, SpecError

            help = "sample outcomes instead: random(over = outcomes)"
            raise SpecError([Diagnostic("ARCH416", "the networks of the space cannot be counted", help=help)])
        return found


class _Active:
    """The conditions under which decisions are active, as trees over outcomes and functions of outcomes.

    `when` has a tree for each decision; `functions` are (index, tree): the value of the tree is the variable
    of that index, after the outcomes.
    """

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
    """Functions, given by their levels, in topological order: after the functions that they read."""
    wanted = list(levels)
    found: list[int] = []
    while len(found) < len(wanted):
        ready = [
            level for level in wanted if level not in found and not (reads(level) & set(wanted)) - {*found}
        ]
        assert ready, "circular functions"
        found += ready
    return found
