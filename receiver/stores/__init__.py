"""Servers that keep a target's data (PostgreSQL, Redis): a file for each with its facet and what actions ask of it."""
