"""GitHub's issues as far as its REST API can refuse one, and what a reader of the repository would see.

After docs.github.com, "REST API endpoints for issues", "… for issue comments" and "Rate limits for the REST API".
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

REPOSITORY, TOKEN = "example/shop", "github_pat_c4nary5b2e"


@dataclass
class Issue:
    """One issue with its comments."""

    number: int
    title: str
    body: str
    labels: list[str]
    state: str = "open"
    comments: list[str] = field(default_factory=list)

    def shown(self, url: str) -> dict[str, Any]:
        """As the API answers it."""
        return {
            "number": self.number,
            "title": self.title,
            "body": self.body,
            "state": self.state,
            "labels": [{"name": name} for name in self.labels],
            "url": f"{url}/repos/{REPOSITORY}/issues/{self.number}",
        }


@dataclass
class GitHubStandIn:
    url: str = ""
    issues: list[Issue] = field(default_factory=list)
    refusals: list[web.Response] = field(default_factory=list)  # answered first, in order
    lost: int = 0  # so many answers are not sent although what was asked is done

    async def hear(self, request: web.Request) -> web.StreamResponse:
        if self.refusals:
            return self.refusals.pop(0)
        if refused := _door(request):
            return refused
        try:
            answer = self._answer(request, await request.read())
        except LookupError:
            return _refused(404, "Not Found")
        except (ValueError, TypeError) as error:
            return _refused(422, f"Validation Failed: {error}")
        if self.lost and request.method == "POST":
            self.lost -= 1
            assert request.transport is not None
            request.transport.abort()
        return answer

    def _answer(self, request: web.Request, body: bytes) -> web.Response:
        number = request.match_info.get("number")
        if request.method == "GET":
            wanted = request.query.get("labels")
            state = request.query.get("state", "open")
            found = [
                issue
                for issue in reversed(self.issues)
                if wanted in (None, *issue.labels) and state in ("all", issue.state)
            ]
            shown = [issue.shown(self.url) for issue in found]
            return web.json_response(shown[: int(request.query.get("per_page", "30"))])
        message = json.loads(body)
        if number is None:
            return web.json_response(self._open(message), status=201)
        issue = self.issues[int(number) - 1]
        if request.method == "PATCH":
            _require(set(message) <= {"state", "state_reason", "title", "body"}, "unknown keys")
            _require(message.get("state", "open") in {"open", "closed"}, "state")
            issue.state = message.get("state", issue.state)
            return web.json_response(issue.shown(self.url))
        _check_body(message)
        issue.comments.append(message["body"])
        return web.json_response({"id": len(issue.comments), "body": message["body"]}, status=201)

    def _open(self, message: Mapping[str, Any]) -> dict[str, Any]:
        _require(0 < len(message["title"]) <= 256, "title is too long (maximum is 256 characters)")
        _check_body(message)
        labels = list(message.get("labels", []))
        _require(all(0 < len(label) <= 50 for label in labels), "labels")
        issue = Issue(len(self.issues) + 1, message["title"], message["body"], labels)
        self.issues.append(issue)
        return issue.shown(self.url)


def _door(request: web.Request) -> web.Response | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if token != TOKEN or scheme.lower() not in {"bearer", "token"}:
        return _refused(401, "Bad credentials")
    if not request.headers.get("User-Agent"):
        return _refused(403, "Request forbidden by administrative rules")
    if request.match_info["repository"] != REPOSITORY:
        return _refused(404, "Not Found")
    return None


def _check_body(message: Mapping[str, Any]) -> None:
    _require(0 < len(message["body"]) <= 65_536, "body is too long (maximum is 65536 characters)")


def _refused(status: int, message: str) -> web.Response:
    return web.json_response({"message": message, "status": str(status)}, status=status)


def _require(true: bool, what: str) -> None:
    if not true:
        raise ValueError(what)


@asynccontextmanager
async def github_stand_in() -> AsyncIterator[GitHubStandIn]:
    """Listens on a free port of loopback."""
    stand_in = GitHubStandIn()
    app = web.Application(client_max_size=4 << 20)
    issues = "/repos/{repository:[^/]+/[^/]+}/issues"
    app.router.add_route("*", issues, stand_in.hear)
    app.router.add_route("*", f"{issues}/{{number:[0-9]+}}", stand_in.hear)
    app.router.add_post(f"{issues}/{{number:[0-9]+}}/comments", stand_in.hear)
    async with TestServer(app) as server:
        stand_in.url = str(server.make_url("")).rstrip("/")
        yield stand_in
