"""Proves that obligations hold in every network, or finds counterexamples."""
