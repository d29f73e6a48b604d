"""The `backup` facet: what is kept of a target, where, for how long, and who can read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from prunella.service.rules import Rule, is_given
from prunella.service.settings import Duration, LocalPath, Secret, Settings, Size
from receiver.decide.schedule import Cron
from receiver.endpoints import BaseUrl, check_url
from receiver.postgres_url import PostgresUrl
from receiver.stores.identifiers import TableName
from receiver.stores.redis_url import check_redis_url

Word = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Recipient = Annotated[str, StringConstraints(pattern=r"^age1[02-9ac-hj-np-z]{58}$")]
SMALLEST_PART = 5 * 1024 * 1024  # S3 takes no smaller one but the last


class Bucket(Settings):
    """A bucket of any S3-compatible service. Without keys those are used that the machine itself has: its role, or
    `~/.aws`. They need ListBucket on it, and GetObject, PutObject, DeleteObject and AbortMultipartUpload below `prefix`.
    """

    bucket: Word
    prefix: Annotated[str, StringConstraints(pattern=r"^([^/].*/)?$", max_length=500)] = ""
    endpoint_url: BaseUrl | None = None
    region: Word | None = None
    access_key_id: Word | None = None
    secret_access_key: Secret | None = None
    part_size: Annotated[Size, Field(ge=SMALLEST_PART)] = 16 * 1024 * 1024
    timeout: Annotated[Duration, Field(gt=0)] = 60.0

    @property
    def named(self) -> str:
        """As an operator says it."""
        return f"s3://{self.bucket}/{self.prefix}"


def _ping(value: Secret) -> Secret:
    check_url(value.get_secret_value())
    return value


def _several(value: object) -> object:
    return (value,) if isinstance(value, Mapping | Bucket) else value


class BackupFacet(Settings):
    """What is kept of a target: its database (`postgres:` beside it), `tables` of it as JSON lines, the `config` files
    (a directory stands for the YAML files in it) and a `redis`.

    Everything goes to `directory`, which must be there, and to each bucket in `s3`. Kept is what is younger than `keep`,
    the last `keep_last` of each kind, and always the last one that was proven to restore; only a success lets anything go.
    A backup in which one of `sentinels` is missing or empty is none. `encrypt_to` are age recipients: nothing leaves
    for its place unencrypted then; a drill needs the `identity_file` to them. `jobs` above 1 makes
    `pg_dump`'s directory format with so many connections. The daily `schedule` makes all of it, the weekly `drill`
    proves the last ones: a database in a scratch one on the same server, or on that of `drill_url`; `null` for none.
    `ping_url` is a check at Healthchecks, told of start, success and failure.

    Privileges: the role in `postgres.url` must read everything (`GRANT pg_read_all_data TO prunella;`), large objects
    included (it owns them or is a superuser); a drill needs `ALTER ROLE prunella CREATEDB;`, and the extensions must be
    installable for it. Programs: `pg_dump` and `pg_restore`, not older than the server.
    """

    directory: LocalPath
    s3: Annotated[tuple[Bucket, ...], BeforeValidator(_several)] = ()
    keep: Duration = 30 * 86400.0
    keep_last: Annotated[int, Field(ge=1)] = 7
    tables: tuple[TableName, ...] = ()
    sentinels: tuple[TableName, ...] = ()
    redis: Annotated[Secret, AfterValidator(check_redis_url)] | None = None
    config: Annotated[tuple[LocalPath, ...], Field(validate_default=True)] = (Path(),)
    encrypt_to: tuple[Recipient, ...] = ()
    identity_file: LocalPath | None = None
    jobs: Annotated[int, Field(ge=1, le=64)] = 1
    schedule: Cron | None = "0 2 * * *"
    drill: Cron | None = "0 4 * * 0"
    drill_url: PostgresUrl | None = None
    timeout: Annotated[Duration, Field(gt=0)] = 6 * 3600.0
    ping_url: Annotated[Secret, AfterValidator(_ping)] | None = None

    @Rule
    def _goes_together(self) -> Iterator[str]:
        if self.jobs > 1 and is_given(self, "encrypt_to"):
            yield "`jobs` above 1 makes a directory, which is not encrypted: leave out jobs or encrypt_to"
