from __future__ import annotations

import asyncio
import ssl
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from receiver.channels.base import ChannelError, Question
from receiver.channels.email import Email, _mail
from tests.exporter.probing.certificate import for_loopback
from tests.receiver.channels.golden import is_golden
from tests.receiver.channels.notices import a_notice
from tests.receiver.stand_ins import a_toolbox
from tests.servers.ports import free_port
from tests.servers.process import until
from tests.servers.smtp import PASSWORD, USER, Mailbox, mail_server

FACTS = {"Tried": "restart of shop, 12 s ago", "Next": "rollback, at 03:12 UTC"}
HOSTILE = "<script>alert(1)</script>\r\nBcc: all@example.org\r\n\r\n\x00\u202e<b>&amp;"


def a_channel(port: int, **options: Any) -> Email:
    values = {"from": "Prunella <prunella@example.org>", "to": ["ops@example.org"], **options}
    return Email.model_validate(
        {"host": "127.0.0.1", "port": port, "starttls": False, "timeout": "5s", **values}
    )


@asynccontextmanager
async def connected(**options: Any) -> AsyncIterator[tuple[Mailbox, Email]]:
    async with mail_server() as box:
        yield box, a_channel(box.port, **options)


def page_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


def words_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


async def test_a_mail_says_what_happened_as_text_and_as_a_page() -> None:
    asked = Question("n", "roll api back", 1_700_000_900.0, "https://prunella.example.org/answer/t")
    links = {"Runbook": "https://example.org/r", "Trap": "javascript:alert(1)"}
    notice = replace(a_notice(links=links), facts=FACTS, question=asked)
    async with connected(environment="prod") as (box, channel):
        await channel.send(notice, a_toolbox())
    (mail,) = box.mails
    headers = {name: str(value) for name, value in mail.items() if name != "Content-Type"}
    is_golden("email", {"headers": headers, "text": words_of(mail), "page": page_of(mail)})
    assert "javascript" not in words_of(mail) + page_of(mail)


async def test_every_recipient_gets_it() -> None:
    async with connected(to=["a@example.org", "Ben <b@example.org>"]) as (box, channel):
        await channel.send(a_notice(), a_toolbox())
    assert box.envelopes[0].rcpt_tos == ["a@example.org", "b@example.org"]
    assert box.envelopes[0].mail_from == "prunella@example.org"


async def test_an_incident_is_one_thread() -> None:
    async with connected() as (box, channel):
        thread = await channel.send(a_notice(), a_toolbox())
        assert thread is not None
        second = replace(a_notice(event="healed"), dedup_key="prunella-j-12-healed", thread=thread)
        assert await channel.send(second, a_toolbox()) == thread
    first, then = box.mails
    assert first["References"] is None
    assert then["References"] == then["In-Reply-To"] == first["Message-ID"] == thread
    assert then["Message-ID"] != first["Message-ID"]


async def test_what_is_sent_twice_has_one_id() -> None:
    async with connected() as (box, channel):
        for _ in range(2):
            await channel.send(a_notice(), a_toolbox())
    assert len({mail["Message-ID"] for mail in box.mails}) == 1


async def test_no_words_of_an_alert_become_a_header_or_markup() -> None:
    notice = replace(
        a_notice(title=HOSTILE, text=HOSTILE, links={HOSTILE: "https://example.org/a"}),
        facts={HOSTILE: HOSTILE},
        dedup_key=HOSTILE,
    )
    async with connected() as (box, channel):
        await channel.send(notice, a_toolbox())
    (mail,) = box.mails
    assert mail["Bcc"] is None
    assert box.envelopes[0].rcpt_tos == ["ops@example.org"]
    assert "<script" not in page_of(mail)
    assert "\x00" not in words_of(mail) + page_of(mail)
    assert "\u202e" not in words_of(mail) + page_of(mail) + str(mail["Subject"])


@settings(max_examples=60)
@given(words=st.text(max_size=60), times=st.sampled_from([1, 3000]))
def test_any_words_can_be_mailed(words: str, times: int) -> None:
    long = words * times
    notice = replace(a_notice(title=long, text=long), facts={long: long}, dedup_key=words or "k")
    raw = _mail(notice, a_channel(25)).as_bytes()
    head = raw.partition(b"\r\n\r\n")[0]
    assert len(raw) < 1_000_000
    assert head.count(b"Subject:") == 1
    assert b"\r\n" in raw
    assert b"\n" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("answer", "permanent"), [("451 try later", False), ("550 no", True), ("452 full", False)]
)
async def test_a_refusal_is_for_good_or_for_now(answer: str, permanent: bool) -> None:
    async with connected() as (box, channel):
        box.data_answers.append(answer)
        with pytest.raises(ChannelError, match=answer[:3]) as caught:
            await channel.send(a_notice(), a_toolbox())
        assert caught.value.permanent is permanent
        box.recipient_answer = answer
        with pytest.raises(ChannelError, match="recipient") as caught:
            await channel.send(a_notice(), a_toolbox())
    assert caught.value.permanent is permanent


@asynccontextmanager
async def speaking(words: bytes, every: float) -> AsyncIterator[int]:
    """A port whose server says the same again and again."""

    talks: set[asyncio.Task[None]] = set()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not reader.at_eof():
                writer.write(words)
                await writer.drain()
                await asyncio.sleep(every)
        except (ConnectionError, asyncio.CancelledError):
            return  # hung up on
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.create_task(drip(reader, writer)))

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


async def test_a_server_that_drips_costs_no_more_than_the_time_given() -> None:
    async with speaking(b"220-wait\r\n", 0.1) as port:
        channel = a_channel(port, timeout="300ms")
        with pytest.raises(ChannelError, match=r"no end in 0\.9 s") as caught:
            await channel.send(a_notice(), a_toolbox())
        assert caught.value.unknown

        def ended() -> bool:
            return not any(work.name.startswith("mail") and _busy(work) for work in threads())

        await until(ended, "the thread is free again", deadline=5)


def threads() -> list[threading.Thread]:
    return threading.enumerate()


def _busy(thread: threading.Thread) -> bool:
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_code.co_name == "_deliver":
            return True
        frame = frame.f_back
    return False


async def test_a_server_that_wants_no_mail_is_heard() -> None:
    async with speaking(b"554 go away\r\n", 1.0) as port:
        with pytest.raises(ChannelError, match="554") as caught:
            await a_channel(port).send(a_notice(), a_toolbox())
    assert caught.value.permanent


async def test_what_another_kind_of_channel_left_begins_no_thread() -> None:
    async with connected() as (box, channel):
        await channel.send(replace(a_notice(), thread='["#ops", "C1", "1.2"]'), a_toolbox())
    assert box.mails[0]["References"] is None


async def test_no_server_is_tried_again() -> None:
    with pytest.raises(ChannelError, match="no mail server answers") as caught:
        await a_channel(free_port()).send(a_notice(), a_toolbox())
    assert not caught.value.permanent


async def test_a_password_goes_over_starttls_only_to_a_server_that_is_trusted(
    tmp_path: Path,
) -> None:
    certificate = for_loopback(tmp_path)
    login = {"username": USER, "password": SecretStr(PASSWORD), "starttls": True}
    async with mail_server(certificate.context, auth=True) as box:
        with pytest.raises(ChannelError, match="certificate is not trusted"):
            await a_channel(box.port, **login).send(a_notice(), a_toolbox())
        assert (box.logins, box.mails) == (0, [])
        trusting = a_channel(box.port, **login, ca_file=certificate.certificate)
        await trusting.send(a_notice(), a_toolbox())
    assert (box.logins, len(box.mails)) == (1, 1)


async def test_a_wrong_password_is_refused_for_good_and_not_told(tmp_path: Path) -> None:
    certificate = for_loopback(tmp_path)
    async with mail_server(certificate.context, auth=True) as box:
        login = {"username": USER, "password": SecretStr("wr0ng-one"), "starttls": True}
        channel = a_channel(box.port, **login, ca_file=certificate.certificate)
        with pytest.raises(ChannelError, match="the login: 535") as caught:
            await channel.send(a_notice(), a_toolbox())
    assert caught.value.permanent
    assert "wr0ng-one" not in f"{caught.value!r} {channel!r}"


async def test_a_server_without_starttls_gets_nothing() -> None:
    async with mail_server() as box:
        with pytest.raises(ChannelError, match="no STARTTLS") as caught:
            await a_channel(box.port, starttls=True).send(a_notice(), a_toolbox())
    assert caught.value.permanent
    assert box.mails == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"to": []}, "must not be empty"),
        ({"to": ["nobody"]}, "must be an address"),
        ({"to": ["a@b.org, c@d.org"]}, "must be an address"),
        ({"from": "a@b.org\nBcc: c@d.org"}, "must be"),
        ({"username": "u"}, "belong together"),
        ({"host": "mail.example.org", "username": "u", "password": "p"}, "in the clear"),
    ],
)
def test_a_config_that_cannot_work_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        a_channel(25, **options)


def test_port_465_is_encrypted_from_the_first_byte() -> None:
    channel = a_channel(465, host="mail.example.org", username="u", password=SecretStr("p"))
    assert channel._encrypted
    assert isinstance(channel._context(), ssl.SSLContext)


def test_a_critical_one_is_marked_until_it_is_over() -> None:
    open_, over = a_notice(), replace(a_notice(event="resolved"), ended=True)
    assert _mail(open_, a_channel(25))["Importance"] == "high"
    assert _mail(over, a_channel(25))["Importance"] is None


def test_a_robot_gets_no_answers_of_absence() -> None:
    assert _mail(a_notice(), a_channel(25))["Auto-Submitted"] == "auto-generated"
