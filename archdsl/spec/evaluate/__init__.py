"""From syntax to a graph and what must hold of it: expressions and statements of one space or network."""
