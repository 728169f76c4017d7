"""Evaluates the expressions and statements of a space or network to a graph and proof obligations."""
