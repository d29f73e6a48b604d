"""Releases of the shop to deploy and to go back from: a git repository of them, and how one becomes the shop that runs."""
