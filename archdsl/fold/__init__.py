"""Converts a network to a readable spec: repeated parts are written once, as ops and stages."""
