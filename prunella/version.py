"""Which Prunella this is, read from what is installed so that it is written down once."""

from __future__ import annotations


def version() -> str:
    """The installed distribution's version; `0+unknown` when run from a tree that nobody installed."""
    from importlib import metadata  # noqa: PLC0415 - 20 ms, which only who asks shall wait for

    try:
        return metadata.version("prunella")
    except metadata.PackageNotFoundError:
        return "0+unknown"
