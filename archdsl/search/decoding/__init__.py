"""Derives networks of several branches from a lattice of cells (FasterSeg, arXiv:1912.10917, section 3).

`branches` decodes by dynamic programming, each branch by itself; `released` as the code of the paper does;
`assembled` writes the branches as a network of a space that has them as stages.
"""
