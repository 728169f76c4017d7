"""Decides conditions over decisions without enumerating networks: by value sets, splits and decision
diagrams.
"""
