"""Evaluators: a network in, its scores out."""
