"""Parameters, multiply-accumulates, memory and prices, of a network and over all networks of a space."""
