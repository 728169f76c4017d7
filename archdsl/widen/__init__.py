"""The neighbourhood of a network as a space: widths, depths and ops near those of the network."""
