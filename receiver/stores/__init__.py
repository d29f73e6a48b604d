"""Databases and caches that targets name as facets: how each is reached, and the narrow things that are done in it."""
