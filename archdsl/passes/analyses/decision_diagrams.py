"""Multi-valued decision diagrams: functions of decisions in one fixed order, without duplicates.

A function is represented by an integer, its root; two functions are equal if their roots are equal. After
Bryant, "Graph-based algorithms for Boolean function manipulation" (1986), with as many branches as a variable
has outcomes, and arbitrary hashable values at the leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import repeat
from typing import Any

LEAF = 1 << 60
"""The level of leaves, greater than that of every variable."""
STEPS_PER_NODE = 4
"""The default limit of the combinations of nodes examined, per diagram node of the budget."""


class TooLarge(Exception):
    """Raised if a function, or all functions together, exceed the limit of diagram nodes or of steps."""


class Diagrams:
    """A set of functions that share diagram nodes. Variables are at levels; lower levels are tested first."""

    def __init__(self, budget: int, most_steps: float | None = None, roots_per_step: int = 16):
        """`budget` limits diagram nodes, `most_steps` the nodes visited to create them.

        Visiting many branches of a decision, which may have thousands of outcomes, counts as several steps.
        """
        self.budget = budget
        self.most_steps = STEPS_PER_NODE * budget if most_steps is None else most_steps
        self.steps, self.roots_per_step = 0, roots_per_step
        self.level: list[int] = []
        self.children: list[tuple[int, ...]] = []
        self._value: list[Any] = []
        self._leaves: dict[Any, int] = {}
        self._nodes: dict[tuple[int, tuple[int, ...]], int] = {}
        self._classes: dict[int, dict[int, tuple[int, ...]]] = {}
        self._conjunctions: dict[tuple[int, int], int] = {}
        self._disjunctions: dict[tuple[int, int], int] = {}
        self.true, self.false, self.none = self.leaf(True), self.leaf(False), self.leaf(None)

    def leaf(self, value: Hashable) -> int:
        """The constant function with this value; 1, 1.0 and True are different constants."""
        key = (type(value), value)
        root = self._leaves.get(key)
        if root is None:
            root = self._leaves[key] = self._new(LEAF, (), value)
        return root

    def value(self, root: int) -> Any:
        """The value of a constant function."""
        return self._value[root]

    def is_leaf(self, root: int) -> bool:
        return self.level[root] == LEAF

    def node(self, level: int, children: tuple[int, ...]) -> int:
        """The function that equals `children[o]` where the variable at `level` has outcome o."""
        if children.count(children[0]) == len(children):
            return children[0]
        key = (level, children)
        root = self._nodes.get(key)
        if root is None:
            root = self._nodes[key] = self._new(level, children, None)
        return root

    def _new(self, level: int, children: tuple[int, ...], value: Any) -> int:
        if len(self.level) >= self.budget:
            raise TooLarge(f"{self.budget:,} nodes of decision diagrams")
        self.level.append(level)
        self.children.append(children)
        self._value.append(value)
        return len(self.level) - 1

    def map(self, function: Callable[..., Hashable], *roots: int) -> int:
        """The function that applies `function` to the values of these functions."""
        level, value = self.level, self._value

        def settled(at: tuple[int, ...]) -> int | None:
            if min([level[r] for r in at]) != LEAF:
                return None
            return self.leaf(function(*[value[r] for r in at]))

        return self._combined(settled, roots)

    def choose(self, selector: int, cases: Sequence[int], case_of: Callable[[Any], int | None]) -> int:
        """The function `cases[case_of(v)]` where the selector is v; None where `case_of(v)` is None."""

        def settled(roots: tuple[int, ...]) -> int | None:
            if self.level[roots[0]] != LEAF:
                return None
            case = case_of(self._value[roots[0]])
            return self.none if case is None else roots[case + 1]

        return self._combined(settled, (selector, *cases))

    def both(self, a: int, b: int) -> int:
        """The conjunction of two conditions."""
        if a == self.true or b == self.false or a == b:
            return b
        if b == self.true or a == self.false:
            return a
        return self._condition(True, a, b)

    def either(self, a: int, b: int) -> int:
        """The disjunction of two conditions."""
        if a == self.false or b == self.true or a == b:
            return b
        if b == self.false or a == self.true:
            return a
        return self._condition(False, a, b)

    def _condition(self, all_: bool, a: int, b: int) -> int:
        """The conjunction (`all_`) or disjunction by Bryant's algorithm, computed without recursion.

        All results are cached, since the conditions of a space have most of their parts in common. The loop
        is its own, beside `_combined`: calls per pair took 4 % of the time of checking `template.arch`.
        """
        known = self._conjunctions if all_ else self._disjunctions
        decisive, neutral = (self.false, self.true) if all_ else (self.true, self.false)
        level, children = self.level, self.children
        wanted = (a, b) if a < b else (b, a)
        ahead = [wanted]
        while ahead:
            at = ahead[-1]
            if at in known:
                ahead.pop()
                continue
            p, q = at
            top = min(level[p], level[q])
            ps = children[p] if level[p] == top else repeat(p)
            qs = children[q] if level[q] == top else repeat(q)
            found, missing = [], []
            for x, y in zip(ps, qs, strict=False):  # one of them may be without end
                if x == y or y == neutral:
                    found.append(x)
                elif x == decisive or y == decisive:
                    found.append(decisive)
                elif x == neutral:
                    found.append(y)
                elif (pair := (x, y) if x < y else (y, x)) in known:
                    found.append(known[pair])
                else:
                    missing.append(pair)
            if missing:
                ahead += reversed(missing)
                continue
            ahead.pop()
            self._step(len(found), 2)
            known[at] = self.node(top, tuple(found))
        return known[wanted]

    def _step(self, branches: int, roots: int) -> None:
        """Counts the visit of a combination of diagram nodes. Raises TooLarge."""
        if self.steps > self.most_steps:
            raise TooLarge(f"{self.most_steps:,} steps over decision diagrams")
        self.steps += 1 + branches * roots // self.roots_per_step

    def _combined(self, settled: Callable[[tuple[int, ...]], int | None], roots: tuple[int, ...]) -> int:
        """The function that is `settled(values)` as soon as that is not None, computed without recursion."""
        memo: dict[tuple[int, ...], int] = {}
        ahead: list[tuple[tuple[int, ...], int, list[tuple[int, ...]] | None]] = [(roots, 0, None)]
        while ahead:
            at, top, branches = ahead.pop()
            if branches is not None:
                memo[at] = self.node(top, tuple([memo[b] for b in branches]))
                continue
            if at in memo:
                continue
            found = settled(at)
            if found is not None:
                memo[at] = found
                continue
            top, branches = self._branches(at)
            self._step(len(branches), len(at))
            ahead.append((at, top, branches))
            ahead += [(b, 0, None) for b in reversed(branches) if b not in memo]
        return memo[roots]

    def _branches(self, roots: tuple[int, ...]) -> tuple[int, list[tuple[int, ...]]]:
        """The first variable that these functions test, and the functions under each of its outcomes."""
        level, children = self.level, self.children
        top = min([level[r] for r in roots])
        arity = next(len(children[r]) for r in roots if level[r] == top)
        rows = [children[r] if level[r] == top else (r,) * arity for r in roots]
        return top, list(zip(*rows, strict=True))

    def reachable(self, root: int) -> list[int]:
        """All diagram nodes of a function, including leaves."""
        seen, ahead = {root}, [root]
        for at in ahead:
            for child in self.children[at]:
                if child not in seen:
                    seen.add(child)
                    ahead.append(child)
        return ahead

    def leaves(self, root: int) -> list[int]:
        """The leaves of a function, in order of their creation."""
        return sorted(r for r in self.reachable(root) if self.level[r] == LEAF)

    def classes(self, root: int) -> dict[int, tuple[int, ...]]:
        """For each variable that the function depends on, by level, the equivalence class of each outcome.

        Two outcomes are equivalent if the function is the same for both, for all values of the other
        variables.
        """
        found = self._classes.get(root)
        if found is None:
            rows: dict[int, list[tuple[int, ...]]] = {}
            for at in self.reachable(root):
                if self.level[at] != LEAF:
                    rows.setdefault(self.level[at], []).append(self.children[at])
            found = {level: _numbered(zip(*rows[level], strict=True)) for level in sorted(rows)}
            self._classes[root] = found
        return found

    def cells(self, root: int) -> int:
        """The number of cells of the function's table, with one axis per variable and one row per class."""
        cells = 1
        for classes in self.classes(root).values():
            cells *= max(classes) + 1
        return cells


def _numbered(columns: Any) -> tuple[int, ...]:
    """Numbers columns in order of first appearance; equal columns get equal numbers."""
    numbers: dict[Any, int] = {}
    return tuple([numbers.setdefault(column, len(numbers)) for column in columns])
