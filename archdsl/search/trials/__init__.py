"""Searches by trials: a strategy proposes networks, an evaluator scores them, an engine runs evaluations."""
