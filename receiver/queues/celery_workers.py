"""Which tasks Celery's living workers hold, asked as `celery inspect` asks: by a broadcast that each answers for itself.

Redis says how many workers heard a broadcast. Only when every one of them has answered is it known what is held; one
that hangs, or is busy in its main thread, is heard of but silent, and then nothing may be touched.
"""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from receiver.queues.redis_link import ask
from receiver.stores.redis_store import Client

_PATIENCE = 3.0
_QUESTIONS: Mapping[str, Mapping[str, object]] = {
    "active": {},
    "reserved": {},
    "scheduled": {},
    "registered": {"taskinfoitems": ["rate_limit"]},
}
_SEPARATOR = "\x06\x16"


@dataclass(frozen=True, slots=True)
class Held:
    """What is known of the living; `unsure` says why that is not all."""

    tasks: frozenset[str] = frozenset()  # ids
    limited: frozenset[str] = frozenset()  # names of tasks whose waiting ones no worker lists
    unsure: str = ""


@dataclass(slots=True)
class _Answers:
    """By question, one for each worker."""

    every: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _QUESTIONS})

    def complete(self, workers: int) -> bool:
        return all(len(answers) >= workers for answers in self.every.values())

    def of(self, question: str) -> list[Any]:
        return [item for items in self.every[question] for item in items]


async def held_by_workers(client: Client, database: int, monitors: int) -> Held:
    """Asks all of them. Raises what redis-py raises."""
    mailbox, tickets = uuid.uuid4().hex, {uuid.uuid4().hex: name for name in _QUESTIONS}
    box, binding = f"{mailbox}.reply.celery.pidbox", "_kombu.binding.reply.celery.pidbox"
    member = f"{mailbox}{_SEPARATOR}{_SEPARATOR}{box}"
    await ask(client, "SADD", binding, member)
    try:
        heard = {
            await ask(
                client,
                "PUBLISH",
                f"/{database}.celery.pidbox",
                _question(name, ticket, mailbox),
            )
            for ticket, name in tickets.items()
        }
        if len(heard) != 1:
            return Held(unsure="workers come and go just now")
        (workers,) = heard
        answers = await _listen(client, box, tickets, workers)
    finally:
        await ask(client, "SREM", binding, member)
        await ask(client, "DEL", box)
    if not answers.complete(workers):
        silent = workers - min(len(found) for found in answers.every.values())
        return Held(unsure=f"{silent} of {workers} connected workers do not answer")
    unexplained = await _others(client, database, workers, monitors)
    return Held(unsure=unexplained) if unexplained else _held(answers)


async def _listen(client: Client, box: str, tickets: Mapping[str, str], workers: int) -> _Answers:
    answers, loop = _Answers(), asyncio.get_running_loop()
    until = loop.time() + _PATIENCE
    while not answers.complete(workers) and loop.time() < until:
        raw = await ask(client, "RPOP", box)
        if raw is None:
            await asyncio.sleep(0.02)
            continue
        message = json.loads(raw)
        name = tickets.get(message["headers"].get("ticket", ""))
        if name is not None:
            answers.every[name] += json.loads(base64.b64decode(message["body"])).values()
    return answers


async def _others(client: Client, database: int, workers: int, monitors: int) -> str:
    """Who is connected as a consumer is, and did not hear the broadcast: a worker without remote control, perhaps."""
    readers = subscribers = 0
    for line in (await ask(client, "CLIENT", "LIST")).splitlines():
        words = dict(word.partition("=")[::2] for word in line.split(" "))
        if words.get("db") == str(database):
            readers += words.get("cmd") == "brpop"
            subscribers += words.get("psub", "0") != "0" or words.get("sub", "0") != "0"
    # a worker reads by one connection, and listens by one or two
    if readers > workers + monitors or subscribers > 2 * workers + monitors:
        return (
            "somebody reads or listens there who answers no broadcast: a worker without remote control, or"
            " a monitor such as Flower (say how many as queue.monitors)"
        )
    return ""


def _held(answers: _Answers) -> Held:
    requests = [*answers.of("active"), *answers.of("reserved")]
    requests += [entry["request"] for entry in answers.of("scheduled")]
    names = [text.partition(" [") for text in answers.of("registered")]
    return Held(
        frozenset(request["id"] for request in requests),
        frozenset(name for name, _, info in names if info),
    )


def _question(method: str, ticket: str, mailbox: str) -> str:
    """In the form of kombu's pidbox."""
    body = {
        "method": method,
        "arguments": _QUESTIONS[method],
        "destination": None,
        "pattern": None,
        "matcher": None,
        "ticket": ticket,
        "reply_to": {"exchange": "reply.celery.pidbox", "routing_key": mailbox},
    }
    return json.dumps(
        {
            "body": base64.b64encode(json.dumps(body).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"clock": 1},
            "properties": {
                "delivery_mode": 1,
                "delivery_info": {"exchange": "celery.pidbox", "routing_key": ""},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": uuid.uuid4().hex,
            },
        }
    )
