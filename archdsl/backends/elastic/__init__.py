"""Elastic supernets, whose networks differ in tensor shapes: each weight is stored at its largest size, and
sliced.

A decision is sampled if each forward pass uses one of its outcomes, and mixed if its candidates are summed by
weights. The origins of a tensor are the nodes that create its channels: a relu has the origins of its input.
The widest form of a tensor has the most channels of all networks; the places of a network's channels are
their indices in that form.
"""
