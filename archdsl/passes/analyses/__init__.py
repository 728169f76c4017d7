"""What is true of a graph: sizes, liveness, in which networks a node arises, which nodes are equal."""
