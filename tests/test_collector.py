"""The cycle collector is put off while large structures are built, and is as it was before afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from archdsl.collector import paused


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.enable()
    yield
    if not enabled:
        gc.disable()


def test_what_was_built_is_not_looked_at_when_the_pause_ends():
    with paused():
        built = [[] for _ in range(100_000)]
    assert gc.get_count()[0] < gc.get_threshold()[0]
    assert len(built) == 100_000


def test_it_goes_on_after_the_outermost_pause_and_after_an_error():
    with paused():
        with paused():
            pass
        assert not gc.isenabled()
    with pytest.raises(KeyError), paused():
        raise KeyError
    assert gc.isenabled()


def test_objects_that_the_process_has_frozen_stay_frozen():
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with paused():
            pass
        assert 0 < gc.get_freeze_count() <= frozen
    finally:
        gc.unfreeze()
