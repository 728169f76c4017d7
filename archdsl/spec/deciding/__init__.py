"""Conditions over decisions, decided without enumerating networks: by value sets, splits and diagrams."""
