"""Checks that some network of a space can be evaluated, before a search by trials creates its run folder."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from random import Random

from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.program import Space
from archdsl.report.numbers import plural
from archdsl.search.evaluators.base import Demanding, Evaluator
from archdsl.search.result import named
from archdsl.search.strategies.base import Outcomes

TRIED = 100
"""The number of networks that are tried: all networks of a smaller space, otherwise random ones."""


def demand_some(evaluator: Evaluator, space: Space) -> None:
    """Raises SpecError if the evaluator rejects all networks tried, as far as known without training.

    If some network can be evaluated, others that cannot become failed trials. In a large space, networks with
    the same outcome index for all decisions and random networks are tried.
    """
    if not isinstance(evaluator, Demanding):
        return
    first: list[Diagnostic] = []
    tried = 0
    for outcomes in _some(tuple(decision.size for decision in space.searched.decisions.values())):
        chosen = dict(zip(space.searched.decisions, outcomes, strict=True))
        try:
            evaluator.demand(space.bind(named(space, chosen), space.name))
        except SpecError as error:
            first, tried = first or list(error.diagnostics), tried + 1
        else:
            return
    headline = f"none of {plural(tried, 'network')} of {space.name} can be evaluated: {first[0].headline}"
    raise SpecError([replace(first[0], headline=headline), *first[1:]])


def _some(sizes: Outcomes) -> Iterator[Outcomes]:
    if math.prod(sizes) <= TRIED:
        yield from product(*map(range, sizes))
        return
    yield from (tuple(min(n, size - 1) for size in sizes) for n in range(max(sizes)))
    rng = Random(0)
    yield from (tuple(rng.randrange(size) for size in sizes) for _ in range(TRIED))
