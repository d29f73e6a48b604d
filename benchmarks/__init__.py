"""Measurements, printed as ratios against a named peer in the same run. Never a test: a busy machine is not a bug."""
