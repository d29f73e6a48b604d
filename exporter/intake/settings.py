"""`intake:` of exporter.yml: which projects there are, by the key in their DSN, and where their events go besides."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidatorFunctionWrapHandler, WrapValidator

from exporter.collectors.base import apart
from prunella.service.settings import Secret, Settings

_KEY = re.compile(r"[A-Za-z0-9]{8,64}")
_ID = re.compile(r"[0-9]{1,20}")


class Dsn(NamedTuple):
    """An address as Sentry's clients are given it."""

    envelope: str  # where its envelopes go
    key: str
    whole: str


def dsn_of(text: str) -> Dsn:
    """Raises ValueError for what is none."""
    parsed = urlsplit(text)
    folder, _, project = parsed.path.rpartition("/")
    if parsed.scheme not in {"http", "https"} or not parsed.username or not parsed.hostname:
        raise ValueError("must be a DSN, as in https://key@o1.ingest.sentry.io/42")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", project):
        raise ValueError(
            "must end with the number of a project, as in https://key@sentry.example/42"
        )
    host = parsed.netloc.rpartition("@")[2]
    address = f"{parsed.scheme}://{host}{folder}/api/{project}/envelope/"
    return Dsn(address, parsed.username, text)


def _project_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError("is the number at the end of the DSN, as in http://key@127.0.0.1:9650/1")
    return text


def _key(secret: Secret) -> Secret:
    if not _KEY.fullmatch(secret.get_secret_value()):
        raise ValueError("must be 8 to 64 letters and digits: openssl rand -hex 16")
    return secret


def _upstream(secret: Secret | None) -> Secret | None:
    if secret is not None:
        dsn_of(secret.get_secret_value())
    return secret


class Project(Settings):
    """One app: its DSN is `http://<key>@<exporter>/<id>`. Its events are also sent to `upstream`, another DSN."""

    id: Annotated[str, AfterValidator(_project_id)]
    key: Annotated[Secret, AfterValidator(_key)]
    service: str = Field(min_length=1, max_length=200)
    upstream: Annotated[Secret | None, AfterValidator(_upstream)] = None
    per_minute: int = Field(default=6000, ge=1, le=1_000_000)


def _services(given: object, handler: ValidatorFunctionWrapHandler) -> tuple[Project, ...]:
    return apart(given, handler, "service")


def _ids(given: object, handler: ValidatorFunctionWrapHandler) -> tuple[Project, ...]:
    return apart(given, handler, "id")


Projects = Annotated[
    tuple[Project, ...], Field(max_length=200), WrapValidator(_services), WrapValidator(_ids)
]


class IntakeOptions(Settings):
    """What is taken in at `/api/<id>/envelope/` and `/api/<id>/store/`."""

    projects: Projects = ()
