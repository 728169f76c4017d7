"""What no network can meet is said only where no network meets it."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import archdsl
from archdsl.spec import require

STEPS = ("zero", "relu", "bn", "conv(c = 4)", "conv(c = 4, k = 1)", "conv(c = 4, bias = true)", "max_pool")
FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

branches = st.lists(st.sampled_from(STEPS), min_size=1, max_size=3).map(" -> ".join)
sums = st.lists(branches, min_size=1, max_size=3)


def space(ops: list[list[str]], places: list[tuple[int, int]]) -> str:
    """A chain, or sum, of places at each of which one of two ops, sums of branches, is chosen."""
    lines = ["arch 1"]
    for n, op in enumerate(ops):
        lines.append(f"op o{n}(x) = " + " + ".join(f"(x -> {branch})" for branch in op))
    lines += ["space S {", "  input image: [4, 8, 8]", "  x[0] = image"]
    for n, (source, _) in enumerate(places):
        lines.append(
            f"  x[{n + 1}] = x[{min(source, n)}] -> one of {{{', '.join(f'o{k}' for k in range(len(ops)))}}}"
        )
    added = [f"x[{n + 1}]" for n, (_, shown) in enumerate(places) if shown or n + 1 == len(places)]
    return "\n".join([*lines, f"  output y = {' + '.join(added)}", "}", ""])


def limited(text: str, what: str, limit: int) -> set[str]:
    """The codes of what `check` finds where all networks are held to a limit."""
    text = text.replace("  output", f"  require {what} <= {limit}\n  output")
    return {d.code for d in archdsl.load("s.arch", text=text).check().diagnostics}


@FEW
@given(
    st.lists(sums, min_size=2, max_size=2),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=3),
    st.sampled_from(["params", "macs"]),
)
def test_a_limit_that_some_network_meets_is_not_ruled_out(monkeypatch, ops, places, what):
    monkeypatch.setattr(require, "TRIES", 1)  # the bound decides, and no luck in drawing networks
    text = space(ops, places)
    found = archdsl.load("s.arch", text=text).space()
    chosen = product(*(d.outcomes for d in found.decisions.values()))
    networks = [found.bind(dict(zip(found.decisions, outcomes, strict=True))) for outcomes in chosen]
    assert "ARCH404" not in limited(text, what, min(getattr(n, what) for n in networks))


LOST = (
    "(x -> conv(c = 64) -> zero(c = 8))",
    "(x -> zero -> conv(c = 8, k = 9))",
    "(x -> zero -> relu -> conv(c = 8, k = 9) -> max_pool)",
)


@pytest.mark.parametrize("lost", LOST)
def test_what_a_sum_leaves_out_because_it_is_zeros_is_no_part_of_what_every_network_costs(lost):
    choices = "\n".join(f"  a{n} = image -> one of {{wide, cheap}}" for n in range(12))
    text = f"""arch 1
op wide(x) = x -> conv(c = 8)
op cheap(x) = {lost} + (x -> conv(c = 8, k = 1))
space S {{
  input image: [3, 8, 8]
{choices}
  output y = {" + ".join(f"a{n}" for n in range(12))}
}}
"""
    assert limited(text, "params", 12 * 24).isdisjoint({"ARCH404", "ARCH409"})
    assert "ARCH404" in limited(text, "params", 12 * 24 - 1)
