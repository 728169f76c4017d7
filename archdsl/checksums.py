"""Checksums inside JSON files, independent of formatting."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

KEY = "sha256"
"""The key under which a file has its checksum."""

EDITED = "edited"
"""What a person who changes a file on purpose writes instead of its checksum."""

HOW = f'if it was edited on purpose, write `"{KEY}": "{EDITED}"` as its last entry'
"""The hint in messages."""


def sealed(data: Mapping[str, Any], edited: bool = False) -> dict[str, Any]:
    """The data with a checksum as its last key; for data `edited` on purpose, the mark for that instead."""
    return {**data, KEY: EDITED if edited else _digest(data)}


def unsealed(data: Mapping[str, Any]) -> tuple[dict[str, Any], object]:
    """The data without its checksum, and the checksum; None if it has none."""
    return {key: value for key, value in data.items() if key != KEY}, data.get(KEY)


def is_intact(data: Mapping[str, Any], checksum: object, demanded: bool) -> bool:
    """Whether data is unchanged, or was edited on purpose.

    `demanded`: the file must have a checksum, as its version, another field, shows: no single damage removes
    both.
    """
    if checksum is None:
        return not demanded
    return checksum in (EDITED, _digest(data))


def _digest(data: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode("ascii")).hexdigest()
