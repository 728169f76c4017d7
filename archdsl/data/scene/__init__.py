"""Generated street scenes: planned, then painted far to near."""
