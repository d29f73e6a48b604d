"""Redis as its INFO is asked for: its protocol over a connection of our own (ADR 54)."""
