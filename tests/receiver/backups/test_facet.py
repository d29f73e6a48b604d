"""The config of a backup: what is usual, and what is refused with a word about what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from receiver.backups.facet import BackupFacet, Bucket
from receiver.backups.kinds import configured, lacking, unable
from receiver.decide.backups import Kind
from receiver.stores.postgres_store import PostgresFacet
from tests.receiver.backups.shops import facet_of

RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
POSTGRES = PostgresFacet.model_validate({"url": "postgresql://h/shop"})


def test_a_directory_is_enough(tmp_path: Path) -> None:
    facet = facet_of(tmp_path)
    assert (facet.keep, facet.keep_last, facet.jobs) == (30 * 86400, 7, 1)
    assert (facet.schedule, facet.drill) == ("0 2 * * *", "0 4 * * 0")
    assert (facet.s3, facet.encrypt_to, facet.redis) == ((), (), None)


def test_one_bucket_or_several_are_the_same_list(tmp_path: Path) -> None:
    one = facet_of(tmp_path, s3={"bucket": "a"})
    several = facet_of(tmp_path, s3=[{"bucket": "a"}, {"bucket": "b", "prefix": "x/"}])
    assert [bucket.named for bucket in one.s3] == ["s3://a/"]
    assert [bucket.named for bucket in several.s3] == ["s3://a/", "s3://b/x/"]


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"keep_last": 0}, "greater than or equal to 1"),
        ({"keep": 30}, "a duration needs its unit"),
        ({"jobs": 2, "encrypt_to": [RECIPIENT]}, "leave out jobs or encrypt_to"),
        ({"jobs": 65}, "less than or equal to 64"),
        ({"encrypt_to": ["ssh-ed25519 AAAA"]}, "must match"),
        ({"tables": ["a.b.c"]}, "must be a table or schema.table"),
        ({"schedule": "every night"}, "minute hour day-of-month"),
        ({"drill_url": "mysql://h/x"}, "must be postgresql://"),
        ({"redis": "http://h"}, "redis"),
        ({"s3": {"bucket": "a", "prefix": "/x/"}}, "must match"),
        ({"s3": {"bucket": "a", "prefix": "x"}}, "must match"),
        ({"s3": {"bucket": "a", "part_size": "1MiB"}}, "greater than or equal to 5242880"),
        ({"ping_url": "ftp://h"}, "http"),
        ({"keeps": "30d"}, "keep"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, keys: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        facet_of(tmp_path, **keys)


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    secret = {"bucket": "b", "access_key_id": "AKIA", "secret_access_key": "c4nary"}
    keys = {
        "redis": "redis://:c4nary@h/0",
        "drill_url": "postgresql://u:c4nary@h/x",
        "ping_url": "https://hc.example/c4nary",
    }
    facet = facet_of(tmp_path, s3=secret, **keys)
    assert "c4nary" not in repr(facet) + str(facet.model_dump(mode="json"))


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("c4nary\n")
    bucket = Bucket.model_validate(
        {"bucket": "b", "secret_access_key_file": "key"}, context={"folder": tmp_path}
    )
    assert bucket.secret_access_key is not None
    assert bucket.secret_access_key.get_secret_value() == "c4nary"


def test_what_there_is_something_for_is_made(tmp_path: Path) -> None:
    everything = facet_of(tmp_path, tables=["orders"], redis="redis://h/0")
    assert configured(everything, POSTGRES) == tuple(Kind)
    assert configured(everything, None) == (Kind.CONFIG, Kind.REDIS)
    assert configured(facet_of(tmp_path, config=[]), POSTGRES) == (Kind.DATABASE,)
    assert configured(facet_of(tmp_path, config=[]), None) == ()


@pytest.mark.parametrize(
    ("kind", "postgres", "why"),
    [
        ("database", None, "needs `postgres:` beside `backup:`"),
        ("export", None, "needs `postgres:` beside `backup:`"),
        ("export", POSTGRES, "needs `backup.tables`"),
        ("redis", POSTGRES, "needs `backup.redis`"),
        ("database", POSTGRES, None),
        ("config", None, None),
        ("full", POSTGRES, None),
    ],
)
def test_what_is_missing_for_a_kind_is_said(
    tmp_path: Path, kind: str, postgres: PostgresFacet | None, why: str | None
) -> None:
    said = lacking(kind, facet_of(tmp_path), postgres)
    assert said is None if why is None else why in (said or "")


def test_the_libraries_that_are_asked_for_are_there(tmp_path: Path) -> None:
    assert unable(facet_of(tmp_path, s3={"bucket": "b"}, encrypt_to=[RECIPIENT])) is None


def test_the_facet_is_frozen(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        BackupFacet.model_validate({"directory": tmp_path}).keep_last = 1  # type: ignore[misc] # on purpose
