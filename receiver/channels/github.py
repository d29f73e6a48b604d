"""Keeps one GitHub issue for each incident: opened with the first notice, commented on, closed when it is over.

GitHub has no key against doubles. So what we write carries its notice's key in a comment that nobody sees, and before an
issue is opened the newest ones of ours are looked through for it: an answer that was lost opens no second one. What
comes from labels stands in code blocks, where GitHub makes neither mentions nor references of it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from prunella.service.settings import Secret
from receiver.channels.base import Channel, ChannelError, Notice
from receiver.channels.delivery import answer_of, ask, encode, refusal
from receiver.channels.fields import asked, fields, line, text
from receiver.channels.fitting import web_links
from receiver.channels.looks import about
from receiver.decide.guards import Rate
from receiver.tools import Response, Tools

API = "https://api.github.com"
LABEL = "prunella"
_A_MINUTE = 60.0  # "wait for at least one minute", where no header says how long
_NEWEST = 30  # issues that are looked through before one is opened
_TITLE, _TEXT, _NAME, _VALUE, _FACTS, _CAPTION = 256, 20_000, 100, 2000, 20, 80
_REPOSITORY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/[A-Za-z0-9._-]{1,100}")
_AT_ONCE_OVER = frozenset({"test", "digest"})  # nothing would ever close them


def _repository(name: str) -> str:
    if not _REPOSITORY.fullmatch(name) or name.endswith(("/.", "/..")):
        raise ValueError("must be owner/name, as in example/shop")
    return name


class GitHub(Channel):
    """Opens, comments on and closes issues in `repository` with a fine-grained token that may write its issues only."""

    # 80 requests a minute that make something, and up to three for a notice
    documented_rate: ClassVar[Rate | None] = Rate(25, 60.0)

    repository: Annotated[str, AfterValidator(_repository)]
    token: Secret

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        if notice.event == "release" and notice.severity == "info" and not notice.thread:
            return None  # a deploy that goes well is nobody's issue
        # another kind's is none of ours
        thread = notice.thread if notice.thread.isdecimal() else ""
        number = thread or await self._opened_already(notice, tools)
        if thread and not await self._commented(notice, thread, tools):
            number = thread = ""  # somebody has deleted or moved it
        if not number:
            issue = {
                "title": line(notice.title, _TITLE) or notice.event,
                "body": _body(notice, self.environment),
                "labels": [LABEL, f"severity:{notice.severity}"],
            }
            number = _number(answer_of(await self._call("POST", "", issue, tools)))
        await self._open_or_closed(notice, number, tools)
        return None if notice.event in _AT_ONCE_OVER else number

    async def _commented(self, notice: Notice, number: str, tools: Tools) -> bool:
        """Whether the issue is there to be commented on."""
        body = {"body": f"**{_code(notice.title)}**\n\n{_body(notice, self.environment)}"}
        try:
            await self._call("POST", f"/{number}/comments", body, tools)
        except _GoneError:
            return False
        return True

    async def _open_or_closed(self, notice: Notice, number: str, tools: Tools) -> None:
        """As the incident is; what comes back after its end is opened again."""
        if notice.ended or notice.event in _AT_ONCE_OVER:
            state = {"state": "closed", "state_reason": "completed"}
            await self._call("PATCH", f"/{number}", state, tools)
        elif notice.event == "opened" and notice.thread:
            await self._call("PATCH", f"/{number}", {"state": "open"}, tools)

    async def _opened_already(self, notice: Notice, tools: Tools) -> str:
        """The number of the issue that an earlier try of the same notice opened, if it did."""
        query = f"?labels={LABEL}&state=all&sort=created&per_page={_NEWEST}"
        response = await self._call("GET", query, None, tools)
        try:
            issues = json.loads(response.body)
        except (ValueError, RecursionError):
            issues = []
        ours = (one for one in issues if isinstance(one, dict))
        found = [one for one in ours if _mark(notice.dedup_key) in str(one.get("body") or "")]
        return _number(found[0]) if found else ""

    async def _call(
        self, method: str, path: str, message: Mapping[str, object] | None, tools: Tools
    ) -> Response:
        response = await ask(
            tools,
            method,
            f"{self.api_url or API}/repos/{self.repository}/issues{path}",
            b"" if message is None else encode(message),
            timeout=self.timeout,
            headers={
                "Authorization": f"Bearer {self.token.get_secret_value()}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        if 200 <= response.status < 300:
            return response
        if response.status in {404, 410} and path.endswith("/comments"):
            raise _GoneError("the issue is gone", permanent=True)
        raise _refused(response, tools.clock.now())


class _GoneError(ChannelError):
    """There is no such issue any more."""


def _refused(response: Response, now: float) -> ChannelError:
    """403 is for good, unless it is a rate limit (GitHub, "Best practices for using the REST API")."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    remaining = headers.get("x-ratelimit-remaining")
    used_up = remaining == "0" or "rate limit" in str(answer_of(response).get("message", ""))
    if response.status not in {403, 429} or not (used_up or "retry-after" in headers):
        return refusal(response, now)
    asked = refusal(Response(429, b"", response.headers), now).retry_after
    # the reset stands in every answer, and means something only when nothing remains
    reset = headers.get("x-ratelimit-reset", "") if remaining == "0" else ""
    until = float(reset) - now if reset.isdecimal() else _A_MINUTE
    wait = asked or min(max(1.0, until), 3600.0)
    return ChannelError(f"answered with {response.status} (rate limit)", retry_after=wait)


def _number(issue: Mapping[str, object]) -> str:
    number = issue.get("number")
    if not isinstance(number, int) or isinstance(number, bool):
        raise ChannelError("answered, but not as GitHub does", unknown=True)
    return str(number)


def _mark(dedup_key: str) -> str:
    """The key as no words of an alert can be spelled."""
    return f"<!-- prunella {hashlib.sha256(dedup_key.encode()).hexdigest()[:32]} -->"


def _body(notice: Notice, environment: str | None) -> str:
    facts = fields({**asked(notice), **notice.facts}, _FACTS, name=_NAME, value=_VALUE)
    parts = (
        _block(text(notice.text, _TEXT)),
        _block("\n".join(f"{name}: {value}" for name, value in facts.items())),
        "\n".join(
            f"- {_code(line(caption, _CAPTION))}: <{url}>"
            for caption, url in web_links(notice.links)
        ),
        _code(about(notice, environment)),
        _mark(notice.dedup_key),
    )
    return "\n\n".join(part for part in parts if part)


def _block(words: str) -> str:
    """A fence that is longer than every run of backticks in it."""
    if not words:
        return ""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", words)), default=0))
    return f"{fence}text\n{words}\n{fence}"


def _code(words: str) -> str:
    flat = line(words, _TITLE)
    fence = "`" * (1 + max(map(len, re.findall("`+", flat)), default=0))
    return f"{fence} {flat} {fence}" if flat else ""
