"""Latency tables: keys, timing, calibration, estimates. torch and runtimes are imported only for timing."""
