"""A space as one trainable module: muxes become weighted sums of their candidates (a supernet)."""

from archdsl.backends.supernet.module import SuperNetwork, build

__all__ = ["SuperNetwork", "build"]
