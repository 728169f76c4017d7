"""Latency tables: keys, timing, calibration, estimates.  torch and runtimes are imported by timing only."""
