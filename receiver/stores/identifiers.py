"""Names of tables and columns as they stand in the config: read once, quoted by us, never spliced as they come.

A plain name is taken exactly as it is written (`Session` is "Session" and not session); a name with other characters
is put into double quotes as in SQL, with a double quote inside written twice.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

# bytes; PostgreSQL cuts off the rest without a word, and would mean another table then
LONGEST = 63
_PART = re.compile(r'(?:([^\W\d][\w$]*)|"((?:[^"\x00]|"")+)")(\.|$)')


def parts_of(text: str) -> tuple[str, ...]:
    """The names in `schema.table.column`, without quotes. Raises ValueError."""
    found: list[str] = []
    at, more = 0, True
    while more:
        match = _PART.match(text, at)
        if match is None:
            raise ValueError(
                'must be a name such as sessions or app.sessions; put one with other characters into "double quotes"'
            )
        name = match[1] or match[2].replace('""', '"')
        if len(name.encode()) > LONGEST:
            raise ValueError(f"{name[:20]}… is longer than {LONGEST} bytes")
        found.append(name)
        at, more = match.end(), match[3] == "."
    if at != len(text):
        raise ValueError("must be one line")
    return tuple(found)


def quoted(*names: str) -> str:
    """The names as SQL reads them, whatever characters they hold."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def _check_table(text: str) -> str:
    if len(parts_of(text)) > 2:
        raise ValueError("must be a table or schema.table")
    return text


def _check_column(text: str) -> str:
    if len(parts_of(text)) != 1:
        raise ValueError("must be the name of one column of the table")
    return text


def _check_reference(text: str) -> str:
    if len(parts_of(text)) not in {2, 3}:
        raise ValueError("must be table.column, such as posts.id, or schema.table.column")
    return text


def _check_role(text: str) -> str:
    if not text.strip() or "\0" in text or len(text.encode()) > LONGEST:
        raise ValueError("must be the name of a role")
    if set(text) & set("*%"):
        raise ValueError("name every role: patterns are not known")
    return text


TableName = Annotated[str, AfterValidator(_check_table)]
ColumnName = Annotated[str, AfterValidator(_check_column)]
Reference = Annotated[str, AfterValidator(_check_reference)]
RoleName = Annotated[str, AfterValidator(_check_role)]
