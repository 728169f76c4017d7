"""Searches: architecture parameters over decisions, objectives, and the driver that trains a supernet."""

from archdsl.calling import callable_module

callable_module(__name__, "archdsl.search.call:search")
