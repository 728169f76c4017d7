"""Evaluates the statements and expressions of a space or network to a graph and proof obligations."""
