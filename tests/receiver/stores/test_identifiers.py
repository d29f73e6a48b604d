from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from receiver.stores.identifiers import (
    ColumnName,
    Reference,
    RoleName,
    TableName,
    parts_of,
    quoted,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("sessions", ("sessions",)),
        ("Session", ("Session",)),
        ("app.sessions", ("app", "sessions")),
        ('"odd table"."a ""b"""', ("odd table", 'a "b"')),
        ('blog."posts.old".id', ("blog", "posts.old", "id")),
        ("größe", ("größe",)),
        ('"; DROP TABLE x; --"', ("; DROP TABLE x; --",)),
    ],
)
def test_a_name_is_taken_as_it_is_written(text: str, parts: tuple[str, ...]) -> None:
    assert parts_of(text) == parts


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a.", ".a", "a..b", "1a", "a b", "a;b", "a-b", "a'b", '"a', 'a"b"', '""', "a\n"),
        *('"a\0b"', "a*", "x" * 64, "ü" * 32, "a.b\n", "sessions; DROP TABLE users"),
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|longer"):
        parts_of(text)


def test_a_name_is_quoted_whatever_it_holds() -> None:
    assert quoted("app", 'a"; DROP TABLE x') == '"app"."a""; DROP TABLE x"'


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (TableName, "app.sessions", "db.app.sessions"),
        (ColumnName, '"expires at"', "sessions.expires"),
        (Reference, "posts.id", "posts"),
        (Reference, "blog.posts.id", "db.blog.posts.id"),
        (RoleName, "app user", " "),
        (RoleName, "app", "*"),
        (RoleName, "app", "app%"),
        (RoleName, "app", "x" * 64),
    ],
)
def test_a_name_has_as_many_parts_as_its_kind(kind: Any, good: str, bad: str) -> None:
    adapter: TypeAdapter[str] = TypeAdapter(kind)
    assert adapter.validate_python(good) == good
    with pytest.raises(ValidationError):
        adapter.validate_python(bad)
