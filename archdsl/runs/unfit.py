"""Why a state cannot be restored."""

from __future__ import annotations


class Unfit(Exception):
    """Why a state does not fit: one phrase."""
