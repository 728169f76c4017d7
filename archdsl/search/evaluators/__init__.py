"""Evaluators, which score individual networks."""
