"""The order of the test files.

Processes that take file after file end at about the same time if files with many slow tests begin.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings

pytest_plugins = ["line_coverage"]

settings.register_profile("archdsl", deadline=None)  # a busy machine takes 200 ms for an example now and then
settings.load_profile("archdsl")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with many slow tests begin: none is left to one process when the others have finished."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])  # stable, so the tests of a file stay together
