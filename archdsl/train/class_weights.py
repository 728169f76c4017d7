"""Class weights of losses, to compensate for class imbalance.

Shapes: K classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from archdsl.data.checking import Shares
from archdsl.diagnostics import Diagnostic, SpecError
from archdsl.runs.processes import Processes

RULES = "write inverse-log, inverse-log:1.10, median, or a number for each class: 1,2.5,0.8"

_ENET = 1.02


def class_weights(rule: str, shares: Shares, classes: Sequence[str]) -> tuple[float, ...]:
    """The weight of each class by a rule, rounded to six digits.

    The rule `inverse-log:C` is 1 / ln(C + p), where p is the fraction of labelled pixels in the class (ENet,
    arXiv:1606.02147, section 5.2; C is 1.02 by default). `median` is median frequency balancing (Eigen and
    Fergus, arXiv:1411.4734, section 6.3.2), with weight 1 for a class without pixels. Other rules are the
    weights themselves, `1,2.5,0.8`. Raises SpecError (ARCH944) for invalid rules and a wrong number of
    weights.
    """
    name, _, constant = rule.partition(":")
    if name == "inverse-log":
        found = _inverse_log(_number(constant, rule) if constant else _ENET, shares, rule)
    elif rule == "median":
        found = _median(shares)
    else:
        found = [_number(word, rule) for word in rule.split(",")]
        if len(found) != len(classes):
            raise _refused(f"expected {len(classes)} class weights, got {len(found)}", ", ".join(classes))
    if not any(found):
        raise _refused("class weights must not all be zero", RULES)
    return tuple(float(f"{weight:.6g}") for weight in found)


def class_weights_everywhere(
    rule: str | None, shares: Shares | None, classes: Sequence[str], here: Processes
) -> tuple[float, ...] | None:
    """`class_weights` in each of several processes; None without a rule.

    `shares` are the pixel counts in the first process, and None in the others, which receive them.
    """
    if rule is None:
        return None
    counted = torch.zeros(2, len(classes), dtype=torch.int64)
    if shares is not None:
        counted = torch.tensor([shares.pixels, shares.in_images])
    pixels, in_images = here.sum(counted).tolist()
    return class_weights(rule, Shares(tuple(pixels), tuple(in_images)), classes)


def described(weights: Sequence[float], classes: Sequence[str]) -> str:
    """Class weights as a line of text."""
    both = zip(classes, weights, strict=True)
    return f"class weights: {', '.join(f'{name} {weight:.3g}' for name, weight in both)}"


def _inverse_log(constant: float, shares: Shares, rule: str) -> list[float]:
    if not 1 < constant <= 100:
        raise _refused(
            f"invalid class weights `{rule}`", "the constant must be > 1, so that all weights are positive"
        )
    total = max(1, sum(shares.pixels))
    return [1 / math.log(constant + pixels / total) for pixels in shares.pixels]


def _median(shares: Shares) -> list[float]:
    seen = zip(shares.pixels, shares.in_images, strict=True)
    frequencies = [pixels / around if pixels else 0.0 for pixels, around in seen]
    there = sorted(frequency for frequency in frequencies if frequency)
    middle = (there[(len(there) - 1) // 2] + there[len(there) // 2]) / 2 if there else 1.0
    return [middle / frequency if frequency else 1.0 for frequency in frequencies]


def _number(word: str, rule: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1e6:  # also what is not a number
        raise _refused(f"class weights must be numbers from 0 to 1,000,000, got `{word}`", RULES)
    return value


def _refused(headline: str, help: str) -> SpecError:
    return SpecError([Diagnostic("ARCH944", headline, help=help)])
