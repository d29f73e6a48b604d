"""A small shop as any team has one: it uses the kit, and has switches that make it fail in ways that a restart repairs."""
