"""Breaks the shop on purpose and shows, stage by stage, how the loop heals it."""
