"""Tells any of the services that the library Apprise knows, for those that we have no better way to.

One-shot text: nothing is updated, threaded or answered there, and the library does not say whether a refusal is for good.
It is an optional part (`pip install 'prunella[apprise]'`), blocks, and so runs in a thread.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from pydantic import AfterValidator

from prunella.service.settings import Secret
from receiver.channels.base import Channel, ChannelError, Notice
from receiver.channels.fields import asked, fields, line, text
from receiver.channels.fitting import links_of, web_links
from receiver.channels.looks import about, look_of
from receiver.tools import Tools

# its own, so that a service that hangs takes no thread from repairs
_THREADS = ThreadPoolExecutor(4, "apprise")
_TITLE, _TEXT, _NAME, _VALUE, _FACTS = 250, 4000, 100, 500, 20
_TYPES = {"🔴": "failure", "🟠": "warning", "🟢": "success"}


def _library() -> Any:
    """The library, which costs a quarter of a second to load and is loaded only where it is asked for."""
    # they log what is sent and where, and the address is a secret here
    for name in ("apprise", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return importlib.import_module("apprise")


def _known(secret: Secret) -> Secret:
    if importlib.util.find_spec("apprise") is None:
        raise ValueError("needs the library Apprise: pip install 'prunella[apprise]'")
    if _library().Apprise.instantiate(secret.get_secret_value(), suppress_exceptions=True) is None:
        raise ValueError("is no address that Apprise knows, as in ntfy://topic")
    return secret


class Apprise(Channel):
    """Sends each notice as text to the service that Apprise knows by `url`."""

    url: Annotated[Secret, AfterValidator(_known)]

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        try:
            async with asyncio.timeout(self.timeout):
                loop = asyncio.get_running_loop()
                taken = await loop.run_in_executor(_THREADS, self._notify, notice)
        except TimeoutError:
            raise ChannelError(f"no answer within {self.timeout:g} s", unknown=True) from None
        if not taken:
            raise ChannelError("Apprise could not deliver it")
        return None

    def _notify(self, notice: Notice) -> bool:
        library = _library()
        service = library.Apprise()
        service.add(self.url.get_secret_value())
        sent = service.notify(
            title=line(notice.title, _TITLE) or notice.event,
            body=_body(notice, self.environment),
            notify_type=_TYPES[look_of(notice).sign],
            body_format="text",
            interpret_escapes=False,
        )
        return bool(sent)


def _body(notice: Notice, environment: str | None) -> str:
    facts = fields({**asked(notice), **notice.facts}, _FACTS, name=_NAME, value=_VALUE)
    parts = (
        text(notice.text, _TEXT),
        "\n".join(f"{name}: {value}" for name, value in facts.items()),
        "\n".join(f"{line(caption, _NAME)}: {url}" for caption, url in web_links(links_of(notice))),
        about(notice, environment),
    )
    return "\n\n".join(part for part in parts if part)
