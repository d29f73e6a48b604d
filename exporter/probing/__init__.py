"""Looking at an HTTP endpoint the way a visitor does: a connection of its own, a verdict, and why not."""
