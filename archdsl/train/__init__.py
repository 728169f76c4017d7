"""Training and scoring of networks: the loop, and what it is made of."""
