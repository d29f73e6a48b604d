"""Targets with a PostgreSQL that nobody is at home at, for what is decided before anybody is asked."""

from __future__ import annotations

from typing import Any

from receiver.targets import Target

AWAY = "postgresql://healer:c4nary@127.0.0.1:1/shop"
ORPHANS = [{"table": "comments", "column": "post_id", "references": "posts.id"}]
SESSIONS = {"table": "sessions", "expires": "expires_at"}


def a_database(url: str = AWAY, **keys: Any) -> Target:
    return Target.model_validate({"name": "db", "postgres": {"url": url, **keys}})
