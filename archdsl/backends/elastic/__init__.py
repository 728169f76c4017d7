"""A supernet whose networks differ in sizes: each weight is stored once, at its largest size, and sliced."""
