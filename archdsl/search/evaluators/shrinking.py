"""The schedule of progressive shrinking (OFA, arXiv:1908.09791): when decisions are opened in training."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from archdsl.configs.sharing import Progressive
from archdsl.diagnostics import Location
from archdsl.ir.paths import is_named
from archdsl.search.decision_names import no_decision
from archdsl.search.terms import cannot, configured
from archdsl.spec.search_values import Term

SANDWICH = Term("sandwich", group="sharing")
"""The default rule for sampling the networks of a training step."""


def shrinking_schedule(
    rule: Progressive, decisions: Iterable[str], place: Location | None = None
) -> dict[str, float]:
    """The fraction of the training at which each initially closed decision is opened, by path.

    Raises SpecError (ARCH606) for a name that matches no decision, a decision that is named twice, and if the
    fractions `at` are decreasing or not as many as the entries of `opens`.
    """
    groups = [(one,) if isinstance(one, str) else tuple(one) for one in rule.opens]
    if not groups:
        help = 'progressive(opens = ["stages.blocks.kernel", "stages.depth"])'
        raise cannot(
            "`progressive` requires `opens`, the decisions that are opened during training", help, place
        )
    shares = rule.at if rule.at is not None else tuple(n / len(groups) for n in range(len(groups)))
    if len(shares) != len(groups):
        headline = (
            f"`progressive` opens {len(groups)} groups of decisions, but `at` has {len(shares)} entries"
        )
        raise cannot(headline, "write one fraction of the training for each: at = [0, 0.3, 0.6]", place)
    if any(later < sooner for sooner, later in pairwise(shares)):
        raise cannot("`at` of `progressive` must increase", "at = [0, 0.3, 0.6]", place)
    paths = list(decisions)
    found: dict[str, float] = {}
    for names, share in zip(groups, shares, strict=True):
        for name in names:
            matched = [path for path in paths if is_named(path, name)]
            if not matched:
                raise no_decision(name, paths, place)
            twice = next((path for path in matched if path in found), None)
            if twice is not None:
                raise cannot(
                    f"`{twice}` is listed twice in `opens` of `progressive`", f"remove `{name}`", place
                )
            found |= dict.fromkeys(matched, share)
    return found


def networks_of(rule: Progressive) -> Any:
    """The rule by which `Progressive` samples the outcomes of open decisions."""
    return configured(rule.train or SANDWICH)
