"""Derives networks of several branches from a lattice of cells (FasterSeg, arXiv:1912.10917, section 3).

The lattice has a column of cells per layer and a row per resolution; a branch is a path through it. A cell
reads the previous layer in its own row or in the next finer one; in the latter case, the previous cell halves
the resolution. `clean` decodes each branch independently, `released` as the code of the paper does.
"""
