"""Costs of networks and of whole spaces: parameters, MACs, memory, latency."""
