"""Street scenes: planned, then painted far to near."""
