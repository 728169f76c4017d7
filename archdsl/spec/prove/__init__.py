"""Whether what must hold does in every network, or decisions under which it does not."""
