"""The neighbourhood of a network as a space: other widths, depths and ops near those that it has."""
