"""What may be quoted of a program's output: its last words, short, without colours, control characters and secrets."""

from __future__ import annotations

import re

from prunella.redaction import printable, redact

_LONGEST = 200
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def without_colours(output: str) -> str:
    """The output without what only a terminal understands."""
    return _COLOURS.sub("", output)


def last_words(output: str) -> str:
    """`: <the last line>`, to be appended to a message; nothing when it said nothing."""
    lines = [line for line in without_colours(output).splitlines() if line.strip()]
    if not lines:
        return ""
    quote = printable(redact(lines[-1].strip()))
    return f": {quote[:_LONGEST]}{'…' if len(quote) > _LONGEST else ''}"
