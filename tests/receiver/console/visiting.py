"""A browser as far as the console can tell: cookies, what it says of where it is, redirects, forms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from tests.receiver.web.serving import OPERATE, Client, serving

Attributes = dict[str, str]


class Markup(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Attributes]] = []
        self.forms: list[tuple[str, dict[str, str]]] = []  # where each goes, and its fields
        self._text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.tags.append((tag, said))
        if tag == "form":
            self.forms.append((said.get("action", ""), {}))
        elif tag in {"input", "button"} and "name" in said and self.forms:
            self.forms[-1][1].setdefault(said["name"], said.get("value", ""))

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    @property
    def text(self) -> str:
        """What is read, on one line."""
        return " ".join(" ".join(self._text).split())

    def with_id(self, name: str) -> Attributes | None:
        """The element of that id."""
        return next((said for _, said in self.tags if said.get("id") == name), None)


@dataclass(frozen=True)
class Seen:
    status: int
    path: str
    text: str
    headers: Mapping[str, str]
    markup: Markup = field(repr=False)

    def form(self, action: str) -> dict[str, str]:
        """The fields of the form that goes there."""
        return next(fields for to, fields in self.markup.forms if to == action)


@dataclass(frozen=True)
class Browser:
    session: aiohttp.ClientSession
    base: str

    async def open(self, path: str, *, follow: bool = True, **headers: str) -> Seen:
        """As if the address was typed."""
        said = {"Accept": "text/html", "Sec-Fetch-Site": "none", **_spelled(headers)}
        async with self.session.get(
            URL(self.base + path, encoded=True), headers=said, allow_redirects=follow
        ) as answer:
            return await _seen(answer)

    async def send(
        self, path: str, fields: Mapping[str, str], *, follow: bool = True, **headers: str
    ) -> Seen:
        """A form of one of our pages, unless the headers say otherwise; empty ones are left out."""
        ours = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Origin": self.base}
        said = {name: value for name, value in {**ours, **_spelled(headers)}.items() if value}
        async with self.session.post(
            self.base + path, headers=said, data=fields, allow_redirects=follow
        ) as answer:
            return await _seen(answer)

    async def login(self, token: str = OPERATE, then: str = "/runbooks") -> Seen:
        """Fills in the form of /login."""
        return await self.send("/login", {"token": token, "next": then})

    async def press(self, page: Seen, action: str, **fields: str) -> Seen:
        """Sends a form of a page, with what was typed into it."""
        return await self.send(action, {**page.form(action), **fields})

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.key: cookie.value for cookie in self.session.cookie_jar}


@asynccontextmanager
async def browsing(client: Client) -> AsyncIterator[Browser]:
    """A browser that has been nowhere yet."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Browser(session, client.url)


@asynccontextmanager
async def visiting(folder: Path, **changes: Any) -> AsyncIterator[tuple[Browser, Client]]:
    """A receiver and a browser."""
    async with serving(folder, **changes) as client, browsing(client) as browser:
        yield browser, client


async def _seen(answer: aiohttp.ClientResponse) -> Seen:
    text = await answer.text()
    return Seen(answer.status, answer.url.path_qs, text, dict(answer.headers), Markup(text))


def _spelled(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
