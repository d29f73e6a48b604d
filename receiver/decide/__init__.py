"""What to do and why: pure functions over frozen values. No I/O, no clock, no driver; each takes `now`."""
