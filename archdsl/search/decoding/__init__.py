"""Derives networks of several branches from a lattice of cells (FasterSeg, arXiv:1912.10917, section 3).

The lattice has a column of cells for each layer and a row for each resolution; a branch is a path through the
lattice. A cell reads the previous layer in its own row or in the next finer row; in the latter case, the
previous cell halves the resolution. `clean` decodes each branch independently; `released` does exactly what
the code of the paper does.
"""
