"""Transforms: bind networks, prune spaces, simplify graphs."""
