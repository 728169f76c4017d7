"""Analyses of graphs: sizes, liveness, active decisions, equal nodes."""
