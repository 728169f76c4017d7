"""Strategies that sample from a controller: an LSTM trained by policy gradients."""
