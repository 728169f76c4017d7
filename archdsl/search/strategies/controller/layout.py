"""The layout of a controller: the decision of each step, and the linear layer (head) for its logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archdsl.configs.controllers import Lstm
from archdsl.diagnostics import Location, SpecError
from archdsl.ir.paths import is_named
from archdsl.search.decision_names import no_decision
from archdsl.search.terms import cannot


class Step(NamedTuple):
    """A step of a controller: the index of the decision it samples (None: none), and of its head."""

    decision: int | None
    head: int


@dataclass(frozen=True)
class Layout:
    """The steps of a controller, which follow `warmup` steps without decision and head.

    `ways` is the number of outcomes of each head.
    """

    warmup: int
    steps: tuple[Step, ...]
    ways: tuple[int, ...]

    @property
    def order(self) -> tuple[int, ...]:
        """The indices of the decisions in the order in which the controller samples them."""
        return tuple(step.decision for step in self.steps if step.decision is not None)


def layout(
    paths: Sequence[str], sizes: Sequence[int], config: Lstm, places: Mapping[str, Location] | None = None
) -> Layout:
    """The layout of a controller for decisions with these paths and numbers of outcomes.

    Steps without decision share a head with one output. `places` are the source locations of settings. Raises
    SpecError (ARCH606) for a prefix that matches no decision, for a decision in two groups of `share`, and
    for decisions with different numbers of outcomes in one group.
    """
    names = _Names(paths, places or {})
    numbers = {path: n for n, path in enumerate(paths)}
    shared = _shared(names, [sizes[numbers[path]] for path in paths], config.share)
    followed = {path for name in config.one_way for path in names.named(name, "one_way")}
    steps: list[Step] = []
    heads: dict[str, int] = {}
    ways: list[int] = []

    def head(key: str, size: int) -> int:
        if key not in heads:
            heads[key] = len(ways)
            ways.append(size)
        return heads[key]

    for path in names.ordered(config.order):
        number = numbers[path]
        steps.append(Step(number, head(shared.get(path, path), sizes[number])))
        if path in followed:
            steps.append(Step(None, head("", 1)))
    return Layout(config.warmup, tuple(steps), tuple(ways))


@dataclass(frozen=True)
class _Names:
    paths: Sequence[str]
    places: Mapping[str, Location]

    def named(self, name: str, setting: str) -> list[str]:
        """The paths that match a name in a setting. Raises SpecError (ARCH606) if no path matches."""
        found = [path for path in self.paths if is_named(path, name)]
        if not found:
            raise no_decision(name, self.paths, self.places.get(setting))
        return found

    def ordered(self, names: Sequence[str]) -> list[str]:
        """All paths: first those that match the names, in the order of the names, then the others."""
        ahead = [path for name in names for path in self.named(name, "order")]
        return list(dict.fromkeys([*ahead, *self.paths]))


def _shared(names: _Names, sizes: Sequence[int], groups: Sequence[str | Sequence[str]]) -> dict[str, str]:
    """For each decision in a group, by path, the first decision of its group, with which it shares a head."""
    size = dict(zip(names.paths, sizes, strict=True))
    found: dict[str, str] = {}
    for group in groups:
        every = (group,) if isinstance(group, str) else group
        together = list(dict.fromkeys(path for name in every for path in names.named(name, "share")))
        first = together[0]
        for path in together:
            if path in found:
                raise _wrong(f"`{path}` is named twice in `share`", "name it in one group only", names)
            if size[path] != size[first]:
                counts = f"{size[first]} and {size[path]} outcomes"
                raise _wrong(f"`{first}` and `{path}` cannot share a head: they have {counts}",
                             "group decisions with equal numbers of outcomes", names)  # fmt: skip
            found[path] = first
    return found


def _wrong(headline: str, help: str, names: _Names) -> SpecError:
    return cannot(headline, help, names.places.get("share"))
