"""Deep recursion keeps to memory that is mapped once."""

from __future__ import annotations

import resource

import pytest

from archdsl.frames import roomy


def _below(depth: int, function, times: int) -> int:
    """Calls a function in a loop, at a depth of recursion; returns how many pages that touched first."""
    if depth:
        return _below(depth - 1, function, times)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        function(4)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def _deep(depth: int) -> int:
    return _deep(depth - 1) + 1 if depth else 0


def test_a_loop_of_calls_maps_no_memory_at_any_depth_of_recursion():
    worst = roomy(lambda: max(_below(depth, _deep, 500) for depth in range(300)))()
    assert worst < 100  # 500 or more where the loop stands at the end of a chunk of 16 KiB


def test_arguments_results_and_errors_pass_through():
    @roomy
    def divided(a: int, *, by: int) -> float:
        """Divides."""
        return a / by

    assert divided(6, by=3) == 2
    assert divided.__doc__ == "Divides."
    with pytest.raises(ZeroDivisionError):
        divided(1, by=0)
