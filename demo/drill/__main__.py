"""`python -m demo.drill [NAME]`, which is `make drill`: exit code 0 for a heal, 1 for none."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence

import aiohttp
import asyncpg

from demo.deploy import rollout
from demo.drill import lost_database
from demo.drill.drills import DRILLS, Drill
from demo.drill.loop import UNREACHABLE, Loop
from demo.drill.run import NoHealError, calm, run
from demo.drill.show import Show
from demo.releases.ledger import RefusedError
from demo.shop.workers import scale
from demo.stack.places import Places, StackError, recorded
from prunella.service.clock import SystemClock

ALL = "all"
USUAL = ("errors", "release")  # what a restart mends, and what it does not


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """0 healed, 1 not healed, 2 no stack."""
    options = _parser().parse_args(argv)
    show = Show(sys.stdout, environ, as_json=options.json)
    try:
        places = recorded(environ)
        token = (places.secrets / "operate_token").read_text().strip()
    except (StackError, OSError):
        sys.stderr.write(
            "the stack is not up: run `make up` in another terminal, and wait for its table\n"
        )
        return 2
    show.note(f"watch it in the console: {places.url('receiver')}/")
    show.note(f"        its login asks for the token in {places.secrets / 'operate_token'}")
    try:
        if options.name == lost_database.NAME:
            return asyncio.run(_lost(places, show))
        return asyncio.run(_all(chosen(options.name), places, token, show))
    except KeyboardInterrupt:
        return 1


def chosen(name: str | None) -> Sequence[Drill]:
    """The drills that a name means, in their order."""
    if name is None:
        return tuple(DRILLS[one] for one in USUAL)
    return tuple(DRILLS.values()) if name == ALL else (DRILLS[name],)


async def _lost(places: Places, show: Show) -> int:
    """The one that is no repair: a human restores."""
    clock = SystemClock()
    began = clock.now()
    try:
        async for stage in lost_database.Drill(places).stages():
            show.stage(stage)
    except (NoHealError, OSError, asyncpg.PostgresError) as error:
        show.end(healed=False, why=str(error))
        return 1
    show.end(healed=True, why=f"lost and restored in {clock.now() - began:.0f} s")
    return 0


async def _all(drills: Sequence[Drill], places: Places, token: str, show: Show) -> int:
    """One after the other, also after one that was not healed; several end with a summary."""
    if "preview" in places.ports:  # not in a stack of an older version that still runs
        show.note(f"what people are told is shown at {places.url('preview')}")
    healed = []
    for drill in drills:
        if len(drills) > 1:
            show.begin(f"{drill.name}: {drill.about}")
        healed.append(await _run(drill, places, token, show) == 0)
    if len(drills) > 1:
        lost = [drill.name for drill, well in zip(drills, healed, strict=True) if not well]
        show.note(
            f"{sum(healed)} of {len(drills)} healed" + (f"; not: {', '.join(lost)}" if lost else "")
        )
    return 0 if all(healed) else 1


async def _run(drill: Drill, places: Places, token: str, show: Show) -> int:
    clock, timeout = SystemClock(), aiohttp.ClientTimeout(total=3)
    async with aiohttp.ClientSession(timeout=timeout) as session, rollout(places) as shop:
        loop = Loop(session, places, token, shop)
        try:
            if drill.workers:
                scale(places.folder / "workers", drill.workers)
            await calm(drill, loop, clock, show.note)
            began, incident = clock.now(), 0
            async for stage in run(drill, loop, clock):
                show.stage(stage)
                if stage.incident and not incident:
                    incident = stage.incident
                    show.note(f"{'':>10}{places.url('receiver')}/incidents/{incident}")
        except (NoHealError, RefusedError) as error:
            show.end(healed=False, why=str(error))
            return 1
        except UNREACHABLE as error:
            show.end(
                healed=False,
                why=f"a part of the stack does not answer: {error!r}",
            )
            return 1
        finally:
            with contextlib.suppress(*UNREACHABLE, RefusedError):
                await (shop.settle() if drill.release else loop.break_shop({"kind": "none"}))
    hand = "after one yes" if drill.approved else "by nobody's hand"
    took = clock.now() - began
    if "preview" in places.ports:
        show.note(f"what people were told: {places.url('preview')}/incidents/{incident}")
    show.end(healed=True, why=f"healed in {took:.0f} s, {hand}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo.drill", description=__doc__)
    parser.add_argument(
        "name",
        nargs="?",
        choices=(*DRILLS, lost_database.NAME, ALL),
        metavar="NAME",
        help=f"{', '.join(DRILLS)}, {lost_database.NAME}, or {ALL} of the repairs (default: {' and '.join(USUAL)})",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


if __name__ == "__main__":
    sys.exit(main())
