"""Search strategies, which propose networks as outcomes of decisions, and observe their objectives."""
