"""Strategies whose proposals a controller draws: an LSTM that is trained by the policy gradient."""
