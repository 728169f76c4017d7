"""Strategies: decisions and scores in, proposals out; they never see a network."""
