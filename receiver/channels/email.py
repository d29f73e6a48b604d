"""Tells people by mail: one thread for an incident, read as text anywhere and as a page where that is shown.

The Message-ID is made of the notice's key, so that a mail which had to be sent twice is one mail to whoever sorts by it,
and the first of an incident is what all others refer to (RFC 5322, 3.6.4). What comes from labels is text: it is escaped
in the page, and no line break of it reaches a header.
"""

from __future__ import annotations

import asyncio
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses, parseaddr
from html import escape
from typing import Annotated, ClassVar, cast

from pydantic import AfterValidator, BeforeValidator, Field

from prunella.service.rules import Rule, is_given
from prunella.service.settings import LocalPath, Secret
from receiver.channels.base import Channel, ChannelError, Notice
from receiver.channels.fields import asked, fields, line, text
from receiver.channels.fitting import links_of, web_links
from receiver.channels.looks import about, look_of
from receiver.channels.multipart import ALT, PICTURE
from receiver.tools import Tools

IMPLICIT_TLS = 465
# its own, so that a mail server that hangs takes no thread from repairs
_THREADS = ThreadPoolExecutor(4, "mail")
_SUBJECT, _TEXT, _NAME, _VALUE, _FACTS = 200, 20_000, 100, 2000, 40
_LOCAL = re.compile(r"[^A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]")
_CID = f"{PICTURE}@prunella"
_PICTURE = (
    f'<p><img src="cid:{_CID}" alt="{ALT}" width="640" style="max-width:100%;height:auto"></p>'
)
_CELL = 'style="padding:4px 12px 4px 0;vertical-align:top"'


def _address(words: str) -> str:
    found = getaddresses([words])
    local, at, domain = found[0][1].rpartition("@") if len(found) == 1 else ("", "", "")
    mail = f"{local}{at}{domain}"
    if not (local and domain and mail.isascii()) or re.search(r"[\s,;<>]", mail):
        raise ValueError("must be an address such as ops@example.org or Prunella <ops@example.org>")
    if not words.isprintable():
        raise ValueError("must be on one line")
    return words


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Address = Annotated[str, AfterValidator(_address)]


class Email(Channel):
    """Sends each notice through the mail server at `host`: STARTTLS on port 587, TLS from the first byte on port 465.

    The server's certificate is verified; `ca_file` is for one that a CA of your own has signed. `starttls: false` sends in
    the clear and is refused together with a password, unless the server is on this machine.
    """

    shows_pictures: ClassVar[bool] = True

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    starttls: bool = True
    username: str | None = None
    password: Secret | None = None
    from_: Annotated[Address, Field(alias="from")]
    to: Annotated[tuple[Address, ...], BeforeValidator(_as_list), Field(min_length=1)]
    ca_file: LocalPath | None = None

    @Rule
    def _whole_login(self) -> Iterator[str]:
        if is_given(self, "username") is not is_given(self, "password"):
            yield "`username` and `password` belong together"

    @Rule
    def _no_password_in_the_clear(self) -> Iterator[str]:
        local = self.host in {"localhost", "127.0.0.1", "::1"}
        if is_given(self, "password") and not self._encrypted and not local:
            yield "would send the password in the clear: take `starttls: true` or port 465"

    @property
    def _encrypted(self) -> bool:
        return self.starttls or self.port == IMPLICIT_TLS

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        mail, server = _mail(notice, self), self._server()
        work = asyncio.get_running_loop().run_in_executor(_THREADS, self._deliver, server, mail)
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.shield(work)
        except TimeoutError as error:
            raise ChannelError(
                f"the mail server came to no end in {self._patience:g} s", unknown=True
            ) from error
        except smtplib.SMTPException as error:
            raise _refusal(error) from error
        except ssl.SSLCertVerificationError as error:
            cure = "name its CA by `ca_file`, or the host by the name in it"
            raise ChannelError(
                f"the mail server's certificate is not trusted: {cure}", permanent=False
            ) from error
        except OSError as error:
            raise ChannelError(f"no mail server answers at {self.host}:{self.port}") from error
        finally:
            if not work.done():
                _hang_up(server)  # each word of a server that drips would buy it another `timeout`
                work.add_done_callback(_forget)
        return _root(notice) or str(mail["Message-ID"])

    @property
    def _patience(self) -> float:
        return 3 * self.timeout  # for the whole of it; `timeout` is for each answer

    def _deliver(self, server: smtplib.SMTP, mail: EmailMessage) -> None:
        with server:
            code, said = server.connect(self.host, self.port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, said)
            if self.starttls and self.port != IMPLICIT_TLS:
                server.starttls(context=self._context())
            if self.username is not None and self.password is not None:
                server.login(self.username, self.password.get_secret_value())
            server.send_message(
                mail, parseaddr(self.from_)[1], [parseaddr(to)[1] for to in self.to]
            )

    def _server(self) -> smtplib.SMTP:
        """Not connected yet, so that it can be hung up on whatever it waits for."""
        if self.port == IMPLICIT_TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(timeout=self.timeout, context=self._context())
        else:
            server = smtplib.SMTP(timeout=self.timeout)
        # whose certificate is asked for; the library knows it only when it connects as it is made
        server._host = self.host  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way to it
        return server

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)


def _hang_up(server: smtplib.SMTP) -> None:
    if server.sock is not None:
        with suppress(OSError):
            server.sock.shutdown(socket.SHUT_RDWR)


def _forget(work: asyncio.Future[None]) -> None:
    """Whatever came of what was hung up on."""
    if not work.cancelled():
        work.exception()


def _root(notice: Notice) -> str:
    """The Message-ID of the incident's first mail; nothing of what a channel of another kind left under this name."""
    return notice.thread if re.fullmatch(r"<[!-~]{1,300}@[!-~]{1,190}>", notice.thread) else ""


def _refusal(error: smtplib.SMTPException) -> ChannelError:
    """4yz is for now, 5yz for good (RFC 5321, 4.2.1). The server's words may quote the address and stay out."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return ChannelError("the mail server has no STARTTLS or no login", permanent=True)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        what, codes = "the login", [error.smtp_code]
    elif isinstance(error, smtplib.SMTPRecipientsRefused):
        what, codes = "every recipient", [code for code, _ in error.recipients.values()]
    elif isinstance(error, smtplib.SMTPResponseException):
        what, codes = "the mail", [error.smtp_code]
    else:
        return ChannelError("the mail server hung up in the middle")
    said = ", ".join(str(code) for code in sorted(set(codes)))
    return ChannelError(f"the mail server refused {what}: {said}", permanent=min(codes) >= 500)


def _mail(notice: Notice, channel: Email) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    domain = parseaddr(channel.from_)[1].rpartition("@")[2]
    mail["From"] = channel.from_
    mail["To"] = ", ".join(channel.to)
    mail["Subject"] = line(notice.title, _SUBJECT) or notice.event
    mail["Date"] = format_datetime(datetime.fromtimestamp(notice.at, UTC))
    mail["Message-ID"] = f"<{_LOCAL.sub('.', notice.dedup_key)}@{domain}>"
    if root := _root(notice):
        mail["In-Reply-To"] = mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers to a robot
    if notice.severity == "critical" and not notice.ended:
        mail["Importance"] = "high"
    mail.set_content(_text(notice, channel.environment))
    mail.add_alternative(_page(notice, channel.environment), subtype="html")
    if notice.picture is not None:
        page = cast("EmailMessage", mail.get_body(("html",)))
        page.add_related(
            notice.picture, "image", "png", cid=f"<{_CID}>", filename=PICTURE,
            disposition="inline",
        )  # fmt: skip
    return mail


def _facts(notice: Notice) -> dict[str, str]:
    return fields({**notice.facts, **asked(notice)}, _FACTS, name=_NAME, value=_VALUE)


def _text(notice: Notice, environment: str | None) -> str:
    facts = "\n".join(f"{name}: {value}" for name, value in _facts(notice).items())
    links = "\n".join(
        f"{line(caption, _NAME)}: {url}" for caption, url in web_links(links_of(notice))
    )
    parts = (text(notice.text, _TEXT), facts, links, f"-- \n{about(notice, environment)}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _page(notice: Notice, environment: str | None) -> str:
    rows = "".join(
        f"<tr><th {_CELL} align=left>{escape(name)}</th><td {_CELL}>{_lines(value)}</td></tr>"
        for name, value in _facts(notice).items()
    )
    links = " · ".join(
        f'<a href="{escape(url)}">{escape(line(caption, _NAME))}</a>'
        for caption, url in web_links(links_of(notice))
    )
    parts = (
        f"<h2>{escape(line(notice.title, _SUBJECT))}</h2>",
        f"<p>{_lines(text(notice.text, _TEXT))}</p>",
        "" if notice.picture is None else _PICTURE,
        f"<table>{rows}</table>" if rows else "",
        f"<p>{links}</p>" if links else "",
        f'<p style="color:#57606a">{escape(about(notice, environment))}</p>',
    )
    frame = f"border-left:6px solid {look_of(notice).web};padding-left:16px;font-family:sans-serif"
    return f'<!doctype html><html><body><div style="{frame}">{"".join(parts)}</div></body></html>'


def _lines(words: str) -> str:
    return escape(words).replace("\n", "<br>")
