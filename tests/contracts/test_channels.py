"""Every channel keeps the promises of receiver/channels/base.py."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import BeforeValidator, SerializeAsAny, TypeAdapter, ValidationError

from receiver.channels import CHANNELS, parse_channel
from receiver.channels.base import EVENTS, Channel, ChannelError
from receiver.tools import OutsideError, Response
from tests.contracts.plugins import (
    CANARY,
    explains_itself,
    hides_its_secrets,
    is_a_frozen_setting,
    lives_in_a_file_of_its_name,
)
from tests.receiver.channels.notices import a_notice
from tests.receiver.stand_ins import StandInHttp, a_toolbox

ADDRESS = f"http://{CANARY}:{CANARY}@127.0.0.1:1/services/{CANARY}?key={CANARY}"
OPTIONS: dict[str, dict[str, Any]] = {
    "apprise": {"url": f"json://127.0.0.1:1/{CANARY}"},
    "discord": {"webhook_url": ADDRESS},
    "email": {
        "host": "127.0.0.1",
        "from": "prunella@example.org",
        "to": ["ops@example.org"],
        "username": "prunella",
        "password": CANARY,
    },
    "github": {"repository": "example/shop", "token": CANARY},
    "healthchecks": {"ping_url": ADDRESS},
    "log": {},
    "opsgenie": {"api_key": CANARY},
    "pagerduty": {"integration_key": CANARY.ljust(32, "0")},
    "sentry": {"dsn": f"http://{CANARY}@127.0.0.1:1/42"},
    "slack": {"webhook_url": ADDRESS},
    "teams": {"webhook_url": ADDRESS},
    "telegram": {"bot_token": f"1:{CANARY}", "chat_id": "1"},
    "webhook": {"url": ADDRESS, "secret": CANARY},
}
REMOTE = CHANNELS.keys() - {"apprise", "email", "log"}  # by HTTP
TAKEN = {  # others: 200, ok
    "discord": Response(200, b'{"id": "1"}'),
    "github": Response(201, b'{"number": 1}'),
    "opsgenie": Response(202, b"{}"),
    "pagerduty": Response(202, b"{}"),
    "telegram": Response(200, b'{"ok": true, "result": {"message_id": 1}}'),
}
# what an event takes where it is not one request: nobody is woken for news, and what is opened for no good is closed
REQUESTS = {"github": {2, 3}, "opsgenie": {0, 1, 2}, "pagerduty": {0, 1, 2}}
DROPPED = {("sentry", 429)}  # it asks for what it has no room for not to be sent later
KNOWN = ", ".join(sorted(CHANNELS))
SHARED = {"api_url", "min_severity", "events", "matchers", "environment", "timeout"}
parse = TypeAdapter(Annotated[SerializeAsAny[Channel], BeforeValidator(parse_channel)])

every_channel = pytest.mark.parametrize(("name", "kind"), CHANNELS.items(), ids=CHANNELS)
every_remote_channel = pytest.mark.parametrize("name", sorted(REMOTE))


def test_each_has_an_example_here() -> None:
    assert OPTIONS.keys() == CHANNELS.keys()


@every_channel
def test_it_is_a_plugin_like_the_others(name: str, kind: type[Channel]) -> None:
    is_a_frozen_setting(kind, OPTIONS[name])
    lives_in_a_file_of_its_name(kind, name, "receiver.channels")
    explains_itself(kind)
    hides_its_secrets(kind, OPTIONS[name])


@every_channel
def test_it_is_chosen_by_its_kind_and_takes_the_shared_keys(name: str, kind: type[Channel]) -> None:
    shared = {
        "min_severity": "warning",
        "events": ["opened"],
        "matchers": ['a="b"'],
        "timeout": "5s",
    }
    channel = parse.validate_python({"kind": name, **OPTIONS[name], **shared})
    assert type(channel) is kind
    assert set(kind.model_fields) >= SHARED
    assert channel.timeout == 5


@pytest.mark.parametrize("event", EVENTS)
@every_remote_channel
async def test_every_event_is_sent_as_one_message_unless_that_would_wake_somebody_for_news(
    name: str, event: str
) -> None:
    http = StandInHttp(TAKEN.get(name, Response(200, b"ok")))
    channel = parse.validate_python({"kind": name, **OPTIONS[name]})
    await channel.send(a_notice(event=event), a_toolbox(http=http))
    assert len(http.asked) in REQUESTS.get(name, {1})


@every_remote_channel
@pytest.mark.parametrize(
    ("status", "permanent"),
    [(400, True), (401, True), (404, True), (429, False), (500, False), (503, False)],
)
async def test_only_a_refusal_for_good_is_permanent(
    name: str, status: int, permanent: bool
) -> None:
    http = StandInHttp(Response(status, CANARY.encode(), {"Retry-After": "9"}))
    channel = parse.validate_python({"kind": name, **OPTIONS[name]})
    with pytest.raises(ChannelError) as caught:
        await channel.send(a_notice(), a_toolbox(http=http))
    final = permanent or (name, status) in DROPPED
    assert caught.value.permanent is final
    assert caught.value.retry_after == (None if final else 9)
    assert CANARY not in repr(caught.value)


@every_remote_channel
async def test_no_connection_is_no_refusal(name: str) -> None:
    http = StandInHttp(OutsideError("nobody there", sent=False))
    channel = parse.validate_python({"kind": name, **OPTIONS[name]})
    with pytest.raises(ChannelError, match="nobody there") as caught:
        await channel.send(a_notice(), a_toolbox(http=http))
    assert not caught.value.permanent


@every_remote_channel
async def test_another_base_address_is_used(name: str) -> None:
    http = StandInHttp(TAKEN.get(name, Response(200, b"ok")))
    options = {**OPTIONS[name], "api_url": "http://127.0.0.1:2/prefix"}
    await parse.validate_python({"kind": name, **options}).send(a_notice(), a_toolbox(http=http))
    assert http.asked[0].url.startswith("http://127.0.0.1:2/prefix/")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"kind": "pigeon"}, f"unknown kind 'pigeon'; known: {KNOWN}"),
        ({}, f"required key is missing: known: {KNOWN}"),
        ("log", "must be a mapping"),
        ({"kind": "log", "min_severity": "fatal"}, "must be 'info'"),
        ({"kind": "log", "api_url": "h"}, "must be an address"),
    ],
)
def test_what_is_no_channel_is_refused(value: object, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        parse.validate_python(value)
