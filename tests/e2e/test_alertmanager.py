"""What a real Alertmanager does to a receiver: retries, repeats, silences, inhibition, other routes, a cut-off twin."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from receiver.stages.silence import PATIENCE
from tests.e2e.alerting import Alerting, alerting, healer, sending_to, shop
from tests.servers.alertmanager import alertmanager_pair
from tests.servers.ports import free_port
from tests.servers.process import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(60)]
HOLD: dict[str, Any] = {"book": {"for": "1500ms"}}  # time enough for people to say something


@contextmanager
def locked(journal: Path) -> Iterator[None]:
    """Another program writes to the journal and does not come to an end."""
    db = sqlite3.connect(journal, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        db.execute("ROLLBACK")
        db.close()


async def test_what_alertmanager_sends_again_after_our_503_is_one_incident(tmp_path: Path) -> None:
    async with alerting(tmp_path) as made:
        with locked(made.receiver.journal):
            await made.alertmanager.post(shop())
            await until(lambda: "503" in made.alertmanager.process.output(), "a 503", deadline=15)
        await made.repaired()
        await made.alertmanager.post(shop(ends=-0.1))
        await made.receiver.until_state("RESOLVED")
        assert (made.done("begun"), len(await made.receiver.incidents())) == (1, 1)


async def test_a_long_repair_is_not_begun_again_by_all_that_is_sent_meanwhile(
    tmp_path: Path,
) -> None:
    often: dict[str, Any] = {"repeat_interval": "1s", "group_interval": "1s"}
    async with alerting(tmp_path, takes=3.0, hook=often) as made:
        await made.alertmanager.post(shop())
        await made.repaired()
        alerts = made.receiver.events("received")
        assert (made.done("begun"), len(alerts), len(await made.receiver.incidents())) == (1, 1, 1)


async def test_i9_what_people_silence_is_left_alone_until_they_lift_it(tmp_path: Path) -> None:
    async with alerting(tmp_path, **HOLD) as made:
        await made.alertmanager.post(shop())
        await made.sees("firing")
        number = await made.alertmanager.silence("service=shop")
        await made.refused("silenced")
        assert made.done("begun") == 0
        await made.alertmanager.unsilence(number)
        await made.repaired()


async def test_i9_what_another_alert_explains_is_left_alone_until_that_has_ended(
    tmp_path: Path,
) -> None:
    rule = {"source_matchers": ["alertname=Cause"], "target_matchers": ["alertname=Down"]}
    inhibits: dict[str, Any] = {"inhibit_rules": [{**rule, "equal": ["service"]}]}
    async with alerting(tmp_path, **HOLD, hook=inhibits) as made:
        await made.alertmanager.post(shop())
        await made.sees("firing")
        await made.alertmanager.post(shop("Cause"))
        await made.refused("inhibited")
        assert made.done("begun") == 0
        await made.alertmanager.post(shop("Cause", ends=-0.1))
        await made.repaired()


async def test_another_route_and_so_another_group_key_is_no_second_incident(
    tmp_path: Path,
) -> None:
    async with alerting(tmp_path) as made:
        await made.alertmanager.post(shop())
        await made.repaired()
        before = await _taken(made)
        edited = sending_to(made.receiver, group_by=["service", "severity"])
        made.alertmanager.reconfigure(edited)

        async def sent_again() -> bool:
            return await _taken(made) > before

        await until(sent_again, "sent under another group key")
        await made.alertmanager.post(shop(ends=-0.1))
        await made.receiver.until_state("RESOLVED")
        assert (made.done("begun"), len(await made.receiver.incidents())) == (1, 1)


async def _taken(made: Alerting) -> float:
    """How many deliveries the receiver has answered with 202."""
    text = await made.receiver.metrics()
    rows = [line for line in text.splitlines() if line.startswith("prunella_deliveries_total")]
    return sum(float(line.rpartition(" ")[2]) for line in rows)


async def test_a_cut_off_twin_that_goes_on_about_what_has_ended_is_not_believed(
    tmp_path: Path,
) -> None:
    ports = free_port(), free_port()
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    async with healer(tmp_path, *urls) as (server, log):
        config = sending_to(server, repeat_interval="1s")
        async with alertmanager_pair(tmp_path, config, ports=ports) as (one, cut_off):
            made = Alerting(one, server, log)
            await asyncio.gather(*(it.post(shop(starts=-5.0, ends=60.0)) for it in (one, cut_off)))
            await made.repaired()
            await one.post(shop(starts=-5.0, ends=-0.1))  # the other never hears of it
            await server.until_state("RESOLVED")
            before = await _taken(made)

            async def goes_on() -> bool:
                return await _taken(made) >= before + 2

            await until(goes_on, "stale firing from the twin", deadline=15.0)
            await asyncio.sleep(1.5)  # and several looks at what both of them hold
            assert (made.done("begun"), len(await server.incidents())) == (1, 1)
            assert (await server.incidents())[0]["state"] == "RESOLVED"


async def test_a_receiver_that_was_down_over_several_flushes_finds_what_it_missed(
    tmp_path: Path,
) -> None:
    async with alerting(tmp_path) as made:
        await made.alertmanager.post(shop("Other"))  # by it the receiver learns its own name
        await made.sees("firing")
        made.receiver.kill()
        await made.alertmanager.post(shop())

        async def in_vain() -> bool:
            return await made.alertmanager.failed() >= 3

        await until(in_vain, "three vain tries")
        await made.receiver.begin()
        await made.repaired()
        await made.alertmanager.post(shop(ends=-0.1))
        await _closed(made)
        assert made.done("begun") == 1


async def _closed(made: Alerting) -> None:
    """The incident that has a playbook."""

    async def closed() -> bool:
        ours = [one for one in await made.receiver.incidents() if one["playbook"] == "down"]
        return [one["state"] for one in ours] == ["RESOLVED"]

    await until(closed, "it is closed")


QUIET: dict[str, Any] = {"alertmanager": {"silence_while_healing": True}}


async def test_what_a_killed_receiver_had_silenced_is_heard_again_after_the_verdict(
    tmp_path: Path,
) -> None:
    async with alerting(tmp_path, takes=1.0, **QUIET) as made:
        await made.alertmanager.post(shop(), shop("Other"))

        async def quiet() -> bool:
            return bool(await made.alertmanager.suppressed())

        await until(quiet, "silenced while it is repaired")
        assert [one["alertname"] for one in await made.alertmanager.suppressed()] == ["Down"]
        made.receiver.kill()
        assert made.done("begun") == 1
        await made.receiver.begin()
        await made.alertmanager.post(shop(ends=-0.1))
        await _closed(made)
        await made.alertmanager.post(shop(ends=60.0))

        async def heard() -> bool:
            return not await made.alertmanager.suppressed()

        await until(heard, "nothing is silenced")


async def test_our_own_silence_is_no_reason_to_stop(tmp_path: Path) -> None:
    verify = {"settle": "100ms", "within": "2s", "every": "200ms", "need": 1, "decay": "0"}
    book: dict[str, Any] = {"verify": {**verify, "checks": [{"alert": "cleared"}]}}
    async with alerting(tmp_path, book=book, **QUIET) as made:
        await made.alertmanager.post(shop())
        await made.receiver.until_state("ESCALATED")
        verdicts = [row["verdict"] for row in made.receiver.events("verdict")]
        assert (verdicts, made.receiver.events("refused")) == (["still_broken"], [])
        assert await made.alertmanager.suppressed() == []


async def test_an_alertmanager_that_does_not_answer_holds_no_repair_up(tmp_path: Path) -> None:
    async with alerting(tmp_path, **HOLD, **QUIET) as made:
        await made.alertmanager.post(shop())
        await made.sees("firing")
        made.alertmanager.process.signal(signal.SIGSTOP)
        try:
            await until(lambda: bool(made.receiver.events("intent")), "an intent", every=0.005)
            await made.repaired(deadline=PATIENCE - 0.5)  # nothing of which was waited for
            resolved = {**shop(), "status": "resolved", "endsAt": "2030-01-01T00:00:00Z"}
            fires = made.receiver.events("received")[0]
            sent = {**resolved, "startsAt": "2020-01-01T00:00:00Z", "fingerprint": fires["fp"]}
            assert (await made.receiver.deliver(sent))[0] == 202
            await made.receiver.until_state("RESOLVED", deadline=10.0)
        finally:
            made.alertmanager.process.signal(signal.SIGCONT)
