"""Evaluators: from a network to scores."""
