"""The exception for the state of a checkpoint that does not fit the run."""

from __future__ import annotations


class Unfit(Exception):
    """The state of a checkpoint does not fit the run; the message is a phrase that says why."""
