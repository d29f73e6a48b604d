from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from receiver.stores.postgres_store import PostgresFacet

URL = "postgresql://healer:c4nary@db.example:5432/shop"


def facet(url: str = URL, **keys: Any) -> PostgresFacet:
    return PostgresFacet.model_validate({"url": url, **keys})


@pytest.mark.parametrize(
    "url",
    [
        *(
            URL,
            "postgres://h/d",
            "postgresql:///d?host=/run/postgresql",
            "postgresql://[::1]:5432/d",
        ),
        "postgresql://u:p%40ss%2F@a:5432,b:5432/d?target_session_attrs=read-write",
    ],
)
def test_an_address_is_known(url: str) -> None:
    assert facet(url).dialled == url


@pytest.mark.parametrize(
    "url",
    [
        *("", "redis://h/0", "postgresql://h", "postgresql://h/", "postgresql://u:c4nary/x@h/d"),
        *("postgresql://u:c4n@ry@h/d/e", "postgresql://h:port/d", "postgresql://[::1/d", "h/d"),
        "postgresql://u:c4nary#@h/d",
    ],
)
def test_what_is_no_address_is_refused_without_being_said(url: str) -> None:
    with pytest.raises(ValidationError, match="must be postgresql://") as caught:
        facet(url)
    assert "c4n" not in str(caught.value)


def test_what_only_the_applications_library_reads_is_not_sent_to_the_server() -> None:
    shared = f"{URL}?schema=public&connection_limit=5&sslmode=require&pgbouncer=true"
    assert facet(shared).dialled == f"{URL}?sslmode=require"
    assert facet(f"{URL}?schema=public").dialled == URL


def test_neither_password_nor_options_are_ever_shown() -> None:
    found = facet(f"{URL}?sslpassword=c4nary")
    assert found.named == "postgresql://db.example:5432/shop"
    assert "c4nary" not in repr(found) + str(found.model_dump(mode="json"))
    assert found.without_secrets("refused: c4nary") == "refused: …"


def test_a_password_is_hidden_as_written_and_as_meant() -> None:
    found = facet("postgresql://u:p%40ss@h/d")
    assert found.without_secrets("p@ss and p%40ss") == "… and …"


@pytest.mark.parametrize(
    ("keys", "at"),
    [
        ({"users": ["*"]}, ("users", 0)),
        ({"databases": [""]}, ("databases", 0)),
        ({"sessions": {"table": "s;", "expires": "e"}}, ("sessions", "table")),
        ({"sessions": {"table": "s", "expires": "e", "unit": "h"}}, ("sessions", "unit")),
        ({"sessions": {"table": "s", "expires": "e", "time_zone": "'; --"}}, ("sessions", "time_zone")),
        ({"sessions": {"table": "s"}}, ("sessions", "expires")),
        ({"orphans": [{"table": "c", "column": "p", "references": "posts"}]}, ("orphans", 0, "references")),
        ({"orphans": [{"table": "c", "column": "a.b", "references": "p.id"}]}, ("orphans", 0, "column")),
        ({"statement_timeout": "0s"}, ("statement_timeout",)),
    ],
)  # fmt: skip
def test_a_mistake_is_found_when_the_config_is_read(
    keys: dict[str, Any], at: tuple[Any, ...]
) -> None:
    with pytest.raises(ValidationError) as caught:
        facet(**keys)
    assert [found["loc"] for found in caught.value.errors()] == [at]


def test_dumps_and_base_backups_are_spared_unless_others_are_named() -> None:
    assert {"pg_dump", "pg_basebackup"} <= set(facet().protect)
    assert facet(protect=["etl"]).protect == ("etl",)
