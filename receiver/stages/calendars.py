"""Reads the calendars that say who is on call, so that nobody has to wait for one when somebody is to be called.

What was read last is kept, also in the journal: a calendar's server is down when everything is.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import suppress
from dataclasses import astuple
from typing import Any

from prunella.logs import create_logger
from receiver import metrics
from receiver.decide.rotation import Calendar, Rotation, Shift
from receiver.decide.schedule import zone
from receiver.journal import JournalUnavailable
from receiver.outside.ical import LARGEST, shifts_in
from receiver.stages.context import Context
from receiver.tools import OutsideError

log = create_logger("prunella.receiver.calendars")
LOOK, EVERY, TIMEOUT = 1.0, 900.0, 20.0
BEFORE, AHEAD = 86_400.0, 35 * 86_400.0  # what is kept of a calendar, from when it is read
_KEPT_MOST = 200  # shifts in the journal


class Calendars:
    """Remembers when each is read next, and of which nobody is on call."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._next: dict[str, float] = {}
        self._read_of: dict[str, str] = {}  # the address's digest by rotation
        self._uncovered: set[str] = set()

    async def keep(self) -> None:
        """For ever."""
        while True:
            with suppress(JournalUnavailable):  # others say so; what was read stays in memory
                await self.once()
            await self._context.tools.clock.sleep(LOOK)

    async def once(self) -> None:
        """Reads what is due. Raises JournalUnavailable."""
        rotations = self._context.settings().rotations
        for name in self._read_of.keys() - {n for n, one in rotations.items() if one.ical}:
            self._forget(name)
        due = [
            self._look(name, rotation, rotation.ical)
            for name, rotation in rotations.items()
            if rotation.ical is not None
        ]
        await asyncio.gather(*due)

    def _forget(self, name: str) -> None:
        del self._read_of[name]
        self._next.pop(name, None)
        self._context.oncall.shifts.pop(name, None)
        self._uncovered.discard(name)
        metrics.ROTATION_READ.remove(name)

    async def _look(self, name: str, rotation: Rotation, ical: Calendar) -> None:
        clock, address = self._context.tools.clock, ical.url.get_secret_value()
        digest = hashlib.sha256(address.encode()).hexdigest()[:16]
        if self._read_of.get(name) != digest:
            await self._recall(name, digest)
            self._read_of[name] = digest
            self._next.pop(name, None)
        if clock.monotonic() >= self._next.get(name, 0.0):
            self._next[name] = clock.monotonic() + EVERY
            await self._read(name, rotation, address)
        self._say(name, rotation)

    async def _recall(self, name: str, digest: str) -> None:
        said = await self._context.journal.recall(f"calendar:{name}")
        kept: dict[str, Any] = json.loads(said) if said is not None else {}
        if kept.get("of") != digest:
            kept = {"at": 0.0, "shifts": []}
        shifts = tuple(Shift(begin, end, tuple(names)) for begin, end, names in kept["shifts"])
        self._context.oncall.shifts[name] = shifts
        metrics.ROTATION_READ.labels(name).set(kept["at"])

    async def _read(self, name: str, rotation: Rotation, address: str) -> None:
        now = self._context.now()
        try:
            body = await self._fetch(address)
            shifts = await asyncio.to_thread(
                shifts_in, body, now - BEFORE, now + AHEAD, zone(rotation.timezone)
            )
        except (OutsideError, ValueError) as error:
            said = "a calendar was not read; the last one is used"
            log.warning(said, rotation=name, error=str(error))  # neither quotes the address
            return
        self._context.oncall.shifts[name] = shifts
        metrics.ROTATION_READ.labels(name).set(now)
        log.info("a calendar was read", rotation=name, shifts=len(shifts))
        kept = {
            "of": self._read_of[name],
            "at": now,
            "shifts": list(map(astuple, shifts[:_KEPT_MOST])),
        }
        await self._context.journal.remember(f"calendar:{name}", json.dumps(kept))

    async def _fetch(self, address: str) -> bytes:
        answer = await self._context.tools.http.request(
            "GET", address, timeout=TIMEOUT, max_body=LARGEST + 1
        )
        if answer.status != 200:
            raise ValueError(f"its server answered {answer.status}")
        return answer.body

    def _say(self, name: str, rotation: Rotation) -> None:
        shifts = self._context.oncall.shifts.get(name, ())
        if not rotation.uncovered(self._context.now(), shifts):
            self._uncovered.discard(name)
        elif name not in self._uncovered and rotation.ical is not None:
            self._uncovered.add(name)
            log.warning(
                "the calendar names nobody who is on call now; its fallback is called",
                rotation=name,
                fallback=rotation.ical.fallback,
            )
