"""Linux' own account of the machine, read from /proc directly: psutil costs four times as much per process."""
