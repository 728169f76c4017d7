"""Generates street scenes: a layout is planned, then painted from far to near."""
