"""Searches: architecture parameters over decisions, objectives, and the driver that trains a supernet."""
