"""Checks that a size is read only in networks in which its tensor is defined."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from itertools import islice

from archdsl.ir import Decision, Node, Value
from archdsl.ir.expr import apply, both, decisions_in
from archdsl.ir.resolve import specialize
from archdsl.lang.ast import Spanned
from archdsl.spec.evaluate import reaching
from archdsl.spec.evaluate.builder import Obligation
from archdsl.spec.evaluate.evaluator import Evaluator
from archdsl.spec.evaluate.frame import Frame

CODE = "ARCH228"
_SETTING = "a setting here reads the size of a tensor that is not defined in every network"


def demand(ev: Evaluator, sizes: list[Value], at: Spanned, frame: Frame) -> None:
    """Raises SpecError (ARCH228) if a condition in `sizes` is false in some network that reaches this point.

    `sizes` are the conditions under which the tensors whose sizes are read are defined.
    """
    for condition in _varying(sizes):
        headline = "this reads the size of a tensor that is not defined in every network"
        reaching.demand(ev, condition, CODE, headline, at, frame)


_NOTHING = nullcontext()


def demanding(ev: Evaluator, sizes: list[Value], at: Spanned, frame: Frame) -> AbstractContextManager[None]:
    """A context manager: nodes added in it get the obligation that the sizes in their settings exist.

    `sizes` are the conditions under which these sizes exist; usually there are none.
    """
    return _demanding(ev, sizes, at, frame) if sizes else _NOTHING


@contextmanager
def _demanding(ev: Evaluator, sizes: list[Value], at: Spanned, frame: Frame) -> Iterator[None]:
    start = len(ev.builder.nodes)
    yield
    added = islice(reversed(ev.builder.nodes.values()), len(ev.builder.nodes) - start)
    for node in [item.name for item in added if isinstance(item, Node)]:
        present = ev.builder.present.get(node, True)
        demand = ev.builder.demand_of(node, frame.place(at), ev.allowed, ev.conditions)
        for condition in _varying(sizes):
            if condition != present:
                demand(apply("or", apply("not", present), condition), CODE, _SETTING)


def _varying(sizes: list[Value]) -> Iterator[Value]:
    """Yields the conditions that can hold; a size that exists in no network is undefined in settings as
    well.
    """
    return (condition for condition in dict.fromkeys(sizes) if condition is not False)


def over_what_is_read(
    obligation: Obligation, read: Container[str], known: Mapping[str, Decision]
) -> Obligation:
    """An equivalent obligation over the decisions in `read`, which must hold for all outcomes of the
    others.
    """
    condition = obligation.condition
    for path in sorted(decisions_in(condition)):
        if path not in read:
            holds: Value = True
            for outcome in range(known[path].size):
                holds = both(holds, specialize(condition, {path: (outcome,)}))
            condition = holds
    return replace(obligation, condition=condition)
