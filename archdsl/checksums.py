"""Checksums stored inside JSON files, which do not depend on the formatting of the file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

KEY = "sha256"
"""The key under which a JSON file stores its checksum."""

EDITED = "edited"
"""The value that replaces the checksum in a file that was changed by hand on purpose."""

HOW = f'if it was edited on purpose, write `"{KEY}": "{EDITED}"` as its last entry'
"""The hint in error messages about a wrong checksum."""


def sealed(data: Mapping[str, Any], edited: bool = False) -> dict[str, Any]:
    """The data with its checksum as the last entry, or with `EDITED` in its place."""
    return {**data, KEY: EDITED if edited else _digest(data)}


def unsealed(data: Mapping[str, Any]) -> tuple[dict[str, Any], object]:
    """Splits data into the entries other than the checksum, and the checksum, which is None if missing."""
    return {key: value for key, value in data.items() if key != KEY}, data.get(KEY)


def is_intact(data: Mapping[str, Any], checksum: object, demanded: bool) -> bool:
    """Whether the checksum agrees with the data, or says that the data was edited on purpose.

    Without a checksum, the result is `not demanded`; callers demand a checksum if the format version of the
    file is one that always has a checksum.
    """
    if checksum is None:
        return not demanded
    return checksum in (EDITED, _digest(data))


def _digest(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode("ascii")).hexdigest()
