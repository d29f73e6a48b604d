"""Playbooks over the API: how far each rung may go, what it has shown, and the two words that change that."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypedDict

from aiohttp import web
from pydantic import Field

from prunella.service.answers import Refused
from prunella.service.application import CLIENT
from prunella.service.described import describes
from prunella.service.settings import Settings
from prunella.timestamps import timestamp
from receiver.decide.plan import Mode
from receiver.decide.track_record import BookRecord, PastRun, RungRecord, Withheld
from receiver.decide.trust import WHOLE, Grant, NotGranted
from receiver.stages.context import Context
from receiver.stages.trust import (
    Unknown,
    Wish,
    demote,
    in_force,
    promote,
    track_record,
    track_records,
)
from receiver.web.bodies import read_object, validated
from receiver.web.shapes import rfc3339

LAST = 20  # runs, and things that shadow mode held back


class WishBody(Settings):
    """A rung, or the whole playbook; the mode that is expected, so that a second request changes nothing."""

    rung: str | None = None
    to: Mode | None = None
    reason: Annotated[str, Field(max_length=500)] = ""


class GrantShown(TypedDict):
    """What holds besides the config; `rung` is None for the whole playbook."""

    rung: str | None
    mode: Mode
    by: str
    why: str
    at: str


class ChangeShown(GrantShown):
    """What holds from now on, and in `rungs` how far each of the playbook's rungs may go with it."""

    rungs: dict[str, Mode]


class RungShown(TypedDict):
    """One rung; `mode` is what holds, `configured` what the config says of it. Counts are of `trust.window`."""

    name: str
    action: str
    mode: Mode
    configured: Mode | None
    grant: GrantShown | None
    runs: int
    helped: int
    returned: int
    in_vain: int
    failed: int
    unseen: int
    success: float | None
    seconds_spared: float | None
    trusted: bool
    refusals: dict[str, int]


class BookShown(TypedDict):
    """One playbook; `changed` says that it was promoted, and is another one since."""

    name: str
    mode: Mode
    configured: Mode
    ceiling: Mode
    grant: GrantShown | None
    changed: bool
    human_seconds: float | None
    human_own: bool
    refusals: dict[str, int]
    rungs: list[RungShown]


class RunShown(TypedDict):
    """One execution of a rung."""

    incident: int
    rung: str
    action: str
    target: str
    began_at: str
    result: str | None
    verdict: str | None
    returned_at: str | None


class WithheldShown(TypedDict):
    """What shadow mode would have done; `lasted` is for how many seconds it stayed broken without."""

    incident: int
    rung: str
    action: str
    target: str
    at: str
    lasted: float | None


class BookTold(BookShown):
    """The same with its last runs and what was held back, the newest first."""

    last_runs: list[RunShown]
    would_have_acted: list[WithheldShown]


class BookList(TypedDict):
    """In the config's order."""

    playbooks: list[BookShown]


class Playbooks:
    """The routes under `/api/v1/playbooks`."""

    def __init__(self, context: Context, wake: Callable[[], None]) -> None:
        self._context = context
        self._wake = wake

    @describes({200: BookList})
    async def list(self, request: web.Request) -> web.Response:
        """Every playbook with what its rungs have shown."""
        ceiling = self._context.settings().mode
        found = await track_records(self._context)
        listed: BookList = {"playbooks": [book_json(one, ceiling) for one in found]}
        return web.json_response(listed)

    @describes({200: BookTold}, refuses=(404,))
    async def one(self, request: web.Request) -> web.Response:
        """One, with its last runs and what shadow mode would have done."""
        context, name = self._context, request.match_info["name"]
        try:
            record = await track_record(context, name)
        except Unknown as unknown:
            raise Refused(404, "not_found", str(unknown)) from unknown
        since = context.now() - context.settings().trust.window
        runs = await context.journal.past_runs(name, LAST)
        withheld = await context.journal.withheld(name, since, LAST)
        told: BookTold = {
            **book_json(record, context.settings().mode),
            "last_runs": [_run(one) for one in runs],
            "would_have_acted": [_withheld(one) for one in withheld],
        }
        return web.json_response(told)

    @describes({200: ChangeShown}, refuses=(404, 409), takes=WishBody)
    async def promote(self, request: web.Request) -> web.Response:
        """One step further: shadow, approve, auto."""
        return await self._change(request, promote)

    @describes({200: ChangeShown}, refuses=(404, 409), takes=WishBody)
    async def demote(self, request: web.Request) -> web.Response:
        """Less far."""
        return await self._change(request, demote)

    async def _change(
        self, request: web.Request, change: Callable[[Wish, Context], Awaitable[Grant]]
    ) -> web.Response:
        body = validated(WishBody, await read_object(request))
        by, name = request[CLIENT] or "operator", request.match_info["name"]
        wish = Wish(name, body.rung or WHOLE, body.to, by, body.reason)
        try:
            grant = await change(wish, self._context)
        except Unknown as unknown:
            raise Refused(404, "not_found", str(unknown)) from unknown
        except NotGranted as no:
            raise Refused(409, "not_granted", str(no)) from no
        self._wake()
        told: ChangeShown = {**_grant(grant), "rungs": await in_force(name, self._context)}
        return web.json_response(told)


def book_json(record: BookRecord, ceiling: Mode) -> BookShown:
    """One row of the list."""
    return {
        "name": record.book.name,
        "mode": record.mode,
        "configured": record.book.mode,
        "ceiling": ceiling,
        "grant": None if record.grant is None else _grant(record.grant),
        "changed": record.likeness_lost,
        "human_seconds": record.human,
        "human_own": record.human_own,
        "refusals": dict(record.refusals),
        "rungs": [_rung(one) for one in record.rungs],
    }


def _rung(one: RungRecord) -> RungShown:
    seen = one.tally
    return {
        "name": one.rung.name,
        "action": one.rung.action,
        "mode": one.mode,
        "configured": one.rung.mode,
        "grant": None if one.grant is None else _grant(one.grant),
        "runs": seen.runs,
        "helped": seen.helped,
        "returned": seen.returned,
        "in_vain": seen.in_vain,
        "failed": seen.failed,
        "unseen": seen.unseen,
        "success": seen.success,
        "seconds_spared": one.spared,
        "trusted": one.trusted,
        "refusals": dict(one.refusals),
    }


def _grant(grant: Grant) -> GrantShown:
    return {
        "rung": grant.step or None,
        "mode": grant.mode,
        "by": grant.by,
        "why": grant.why,
        "at": timestamp(grant.at),
    }


def _run(run: PastRun) -> RunShown:
    return {
        "incident": run.incident,
        "rung": run.step,
        "action": run.kind,
        "target": run.target,
        "began_at": timestamp(run.began_at),
        "result": run.result,
        "verdict": run.verdict,
        "returned_at": rfc3339(run.returned_at),
    }


def _withheld(one: Withheld) -> WithheldShown:
    return {
        "incident": one.incident,
        "rung": one.step,
        "action": one.kind,
        "target": one.target,
        "at": timestamp(one.at),
        "lasted": one.lasted,
    }
