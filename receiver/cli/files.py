"""Small files that a command line names: what is in them, or one line on what is wrong and what was wanted."""

from __future__ import annotations

from pathlib import Path

from receiver.cli.api import UsageError


def text_of(said_by: str, file: str, holding: str) -> str:
    """Without the space around it. Raises UsageError that names the option which the file was `said_by`."""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(
            f"{said_by} {file} cannot be read: {why}; it is to hold {holding}"
        ) from error


def token_of(said_by: str, file: str) -> str:
    """Raises UsageError."""
    holding = "a token of the receiver's, on one line"
    token = text_of(said_by, file, holding)
    if len(token.split()) != 1:
        raise UsageError(f"{said_by} {file} holds no token; it is to hold {holding}")
    return token
