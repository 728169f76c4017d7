"""Strategies that sample networks from a controller, an LSTM trained by policy gradients."""
