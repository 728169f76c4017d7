"""Engines, which run the evaluations of a search by trials: in its process, in workers, or on a cluster."""
