"""A real mail server (aiosmtpd) on loopback: login, STARTTLS or TLS, and whatever refusal a test asks for."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "prunella", "c4nary5b2e"


@dataclass
class Mailbox:
    """What arrived, and the answers that come first."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    data_answers: list[str] = field(default_factory=list)
    recipient_answer: str | None = None
    logins: int = 0

    async def handle_RCPT(  # noqa: N802 - the library calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.recipient_answer is not None:
            return self.recipient_answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library calls it so
        if self.data_answers:
            return self.data_answers.pop(0)
        content = envelope.original_content or b""
        mail = BytesParser(policy=default).parsebytes(content)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.envelopes.append(envelope)
        return "250 taken"

    def login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        """As the library asks for who may send."""
        right = LoginPassword(USER.encode(), PASSWORD.encode())
        self.logins += data == right
        return AuthResult(success=data == right, handled=data == right)


@asynccontextmanager
async def mail_server(
    tls: ssl.SSLContext | None = None, *, auth: bool = False
) -> AsyncIterator[Mailbox]:
    """Listens on a free port of loopback; with `tls` it insists on STARTTLS, with `auth` on a login."""
    box = Mailbox()

    def session() -> SMTP:
        return SMTP(
            box,
            tls_context=tls,
            require_starttls=tls is not None,
            authenticator=box.login if auth else None,
            auth_required=auth,
            auth_require_tls=tls is not None,
        )

    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()
