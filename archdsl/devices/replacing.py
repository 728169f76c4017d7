"""Replaces outcome probabilities in a latency term: `latency(uniform = ["cells.x"], largest = ["widths"])`.

So an objective can have several latency terms, each of which trains only some of the decisions (the decoupled
regularization of FasterSeg, arXiv:1912.10917, section 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from archdsl.diagnostics import Diagnostic, Label, SpecError
from archdsl.ir import Decision
from archdsl.ir.paths import is_named
from archdsl.spec.search_values import Term

if TYPE_CHECKING:
    import torch

How = Literal["uniform", "largest", "sampled"]
HOWS: tuple[How, ...] = ("uniform", "largest", "sampled")


def replacements(term: Term, decisions: Mapping[str, Decision]) -> dict[str, How]:
    """How a term replaces the probabilities of decisions, by path.

    Raises SpecError (ARCH816) for a name that matches no decision, for a decision that is named twice, and if
    the largest outcome is needed of a decision whose outcomes are not numbers.
    """
    found: dict[str, How] = {}
    for how in HOWS:
        names: Any = term.settings.get(how, ())
        for name in names:
            paths = [path for path in decisions if is_named(path, name)]
            if not paths:
                raise _refused(term, f"`{how}` of `{term.name}`: `{name}` matches no decision")
            for path in paths:
                if path in found:
                    raise _refused(term, f"`{how}` of `{term.name}`: `{path}` is named twice")
                if how == "largest" and largest(decisions[path]) is None:
                    raise _refused(term, f"`{path}` has no largest outcome: its outcomes are not numbers")
                found[path] = how
    return found


def largest(decision: Decision) -> int | None:
    """The index of the largest outcome of a decision; None if the outcomes are not numbers."""
    try:
        values = [float(outcome) for outcome in decision.outcomes]
    except ValueError:
        return None
    return values.index(max(values))


def replaced(
    by: Mapping[str, How], probabilities: Mapping[str, torch.Tensor], decisions: Mapping[str, Decision]
) -> dict[str, torch.Tensor]:
    """The probabilities with replacements: uniform ones are removed, others are one-hot.

    A sampled outcome is the most probable one by the outcome weights of the step, which include the noise of
    the sampler; its gradient is straight-through.
    """
    import torch
    from torch.nn.functional import one_hot

    found = dict(probabilities)
    dtype = next((p.dtype for p in probabilities.values()), torch.float64)
    for path, how in by.items():
        size, given = decisions[path].size, found.pop(path, None)
        if how == "largest":
            found[path] = one_hot(torch.tensor(largest(decisions[path]) or 0), size).to(dtype)
        elif how == "sampled" and given is not None:
            hard = one_hot(given.argmax(), size).to(given)
            found[path] = hard + (given - given.detach())
    return found


def _refused(term: Term, headline: str) -> SpecError:
    help = "name decisions by prefixes of their paths, each in one setting; subscripts may be omitted"
    return SpecError([Diagnostic("ARCH816", headline, Label(term.at) if term.at else None, help=help)])
