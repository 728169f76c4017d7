"""Engines: where the networks of a search by trials are evaluated."""
