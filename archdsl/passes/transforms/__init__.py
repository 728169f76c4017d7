"""From graph to graph: networks bound, spaces pruned, what is computed twice or for nothing removed."""
