"""Finds the members of a set of tensors from which no other member is computed, as conditions over decisions.

Within a network, a mux is the tensor that it selects. A member is used if the tensor of another member is
computed from its tensor by at least one node. Two members that are the same tensor do not use each other; a
member that is undefined in a network uses no other member there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import reduce

from archdsl.ir import Mux, Value
from archdsl.ir.expr import Scalar, apply
from archdsl.spec.evaluate.builder import Builder
from archdsl.spec.evaluate.truths import Truths


def loose(builder: Builder, members: Sequence[str], order: Sequence[str]) -> list[Value]:
    """For each member, the condition that it is defined and that no other member is computed from it.

    `order` is `upstream` of the members. Raises TooLargeError if the conditions become too large.
    """
    return _Uses(builder, members).loose(order)


class _Uses:
    """Computes which members are used, as conditions in `truths`.

    `is_member[t]` is the condition that a tensor is itself a member, `read[t]` the condition that a node that
    a member depends on reads the tensor.
    """

    def __init__(self, builder: Builder, members: Sequence[str]):
        self.builder, self.members = builder, members
        self.truths = Truths(builder)
        self.is_member = dict.fromkeys(members, self.truths.true)
        self.read: dict[str, int] = {}

    def loose(self, order: Sequence[str]) -> list[Value]:
        for name in reversed(order):
            self._pass_on(name)
        used: dict[str, int] = {}
        for name in order:
            if name in self.is_member:
                used[name] = self._used(name, used)
        values = {root: self.truths.value(root) for root in {used[name] for name in self.members}}
        return [apply("not", values[used[name]]) for name in self.members]

    def _pass_on(self, name: str) -> None:
        """Propagates the conditions of a node to its inputs, once those of all its readers are known."""
        item = self.builder.nodes.get(name)
        if item is None:
            return
        is_member, read = self._of(self.is_member, name), self._of(self.read, name)
        both, either = self.truths.both, self.truths.either
        if isinstance(item, Mux):
            for source, picked in self._cases(item):
                if name in self.is_member:
                    here = self._of(self.is_member, source)
                    self.is_member[source] = either(here, both(is_member, picked))
                self.read[source] = either(self._of(self.read, source), both(read, picked))
            return
        present = self.truths.of(self.builder.present.get(name, True))
        computed = both(either(is_member, read), present)
        for source in item.inputs:
            self.read[source] = either(self._of(self.read, source), computed)

    def _of(self, conditions: dict[str, int], name: str) -> int:
        return conditions.get(name, self.truths.false)

    def _used(self, name: str, used: dict[str, int]) -> int:
        item = self.builder.nodes.get(name)
        if not isinstance(item, Mux):
            return self._of(self.read, name)
        cases = [self.truths.both(picked, used[source]) for source, picked in self._cases(item)]
        return reduce(self.truths.either, cases, self.truths.false)

    def _cases(self, mux: Mux) -> Iterator[tuple[str, int]]:
        """Yields each tensor that a mux may select, with the condition under which it is selected."""
        keys: dict[str, list[Scalar]] = {}
        for key, source in mux.cases:
            if source is not None:
                keys.setdefault(source, []).append(key)
        for source, its in keys.items():
            if isinstance(mux.on, str):
                yield source, self.truths.of(self.builder.is_outcome(mux.on, *its))  # type: ignore[arg-type]
                continue
            yield source, reduce(self.truths.either, [self.truths.of(_is(mux.on, key)) for key in its])


def _is(value: Value, key: Scalar) -> Value:
    """The condition that a mux on `value` selects the case `key`."""
    if isinstance(key, bool):
        return value if key else apply("not", value)
    return apply("eq", value, key)


def upstream(builder: Builder, names: Iterable[str]) -> Iterator[str]:
    """Yields these tensors and their ancestors, in topological order."""
    done: set[str] = set()
    ahead = list(names)
    while ahead:
        name = ahead[-1]
        item = builder.nodes.get(name)
        missing = [] if name in done or item is None else [i for i in item.inputs if i not in done]
        if missing:
            ahead += missing
            continue
        ahead.pop()
        if name not in done:
            done.add(name)
            yield name
