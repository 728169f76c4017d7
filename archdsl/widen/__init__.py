"""The neighbourhood of a network as a space: other widths, depths and ops around those that it has."""
