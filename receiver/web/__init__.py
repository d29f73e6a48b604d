"""The receiver's routes, each with the scope that it needs."""
