"""Programs under supervisord, asked over its XML-RPC interface on a unix socket or HTTP."""

from __future__ import annotations

import re
import xmlrpc.client
from collections.abc import Hashable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from pydantic import AfterValidator

from exporter.collectors.process_sources.base import (
    DOWN,
    ODD,
    Entry,
    Machine,
    Reading,
    SourceError,
)
from exporter.http_client import Question, ask, basic
from exporter.probing.outcome import Failed
from exporter.threads import in_thread
from prunella.service.settings import Secret

MAX_ANSWER = 4 << 20
_CODES = 99_999  # no fault has a higher number, nor a lower one below zero
_NAMED = re.compile(r"[A-Z][A-Z_]{0,38}[A-Z](?=:|\s|$)")  # `SHUTDOWN_STATE`, `BAD_NAME: api`


def _reachable(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path.startswith("/"):
        return url
    if parts.scheme in {"http", "https"} and parts.hostname and parts.username is None:
        return url
    raise ValueError(
        "must be unix:///path/of/supervisor.sock or http://host:port"
        " (name and password have keys of their own)"
    )


class SupervisorEntry(Entry):
    """`name` is a program, `group:program`, or a group; a program of several processes is one entry."""

    manager: Literal["supervisor"]
    url: Annotated[str, AfterValidator(_reachable)] = "unix:///var/run/supervisor.sock"
    username: str = ""
    password: Secret | None = None

    def source(self) -> Hashable:
        return "supervisor", self.url, self.username

    @classmethod
    async def read(cls, entries: Sequence[Self], machine: Machine) -> Mapping[str, Reading]:
        programs = await _programs(entries[0])
        return {entry.name: _reading(entry.name, programs) for entry in entries}


async def _programs(entry: SupervisorEntry) -> list[Any]:
    try:
        answer = await _post(entry, xmlrpc.client.dumps((), "supervisor.getAllProcessInfo"))
        (programs,), _ = await in_thread(lambda: xmlrpc.client.loads(answer))
    except Failed as error:
        raise SourceError(f"supervisord at {entry.url}: {error}") from error
    except xmlrpc.client.Fault as error:
        raise SourceError(f"supervisord at {entry.url}: {_fault(error)}") from None
    except (ExpatError, xmlrpc.client.Error, *ODD) as error:
        raise SourceError(f"supervisord at {entry.url}: its answer is no XML-RPC") from error
    if not isinstance(programs, list):
        raise SourceError(f"supervisord at {entry.url}: its answer is no list of programs")
    return programs


def _fault(error: xmlrpc.client.Fault) -> str:
    """Its number and, where it begins with a name as supervisord's own have one, that; the rest may quote anything."""
    number, named = _number(error.faultCode), _NAMED.match(str(error.faultString))
    return f"fault {number}, {named[0]}" if named else f"fault {number}"


def _number(code: object) -> int | str:
    return code if isinstance(code, int) and abs(code) <= _CODES else "without a number"


async def _post(entry: SupervisorEntry, body: str) -> bytes:
    headers = {"Content-Type": "text/xml"}
    if entry.password is not None:
        headers |= basic(entry.username, entry.password.get_secret_value())
    question = Question(
        url=entry.url, path="/RPC2", most=MAX_ANSWER, headers=headers, body=body.encode()
    )
    answered = await ask(question)
    if answered.status != 200:
        raise SourceError(f"supervisord at {entry.url}: HTTP {answered.status}")
    if not answered.whole:
        raise SourceError(f"supervisord at {entry.url}: its answer is too long")
    return answered.body


def _reading(name: str, programs: Sequence[Any]) -> Reading:
    mine = [program for program in programs if name in _names(program)]
    if not mine:
        return DOWN
    return Reading(
        up=all(program["statename"] == "RUNNING" for program in mine),
        roots=tuple(program["pid"] for program in mine if program["pid"]),
        starts=tuple(float(program["start"]) for program in mine if program["start"]),
    )


def _names(program: Mapping[str, Any]) -> set[str]:
    name, group = str(program["name"]), str(program["group"])
    return {name, group, f"{group}:{name}", f"{group}:*"}
