"""Several receivers on one PostgreSQL: what one has, no other has, and what a dead one had, another takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from receiver.decide.episode import Kind
from receiver.decide.guards import Limits, Rate
from receiver.decide.incident import State
from receiver.decide.ledger import Deploy, NotThat, started
from receiver.decide.reason import Reason
from receiver.journal import Claim, Event, Fenced, Ingested, Letter, Move, Posting, Ruling, Seen
from receiver.journal.postgres import PostgresJournal
from receiver.journal.postgres.outbox import HOLD
from tests.receiver.builders import NOW, a_draft, a_letter, a_question, a_resolve, a_run, an_alert
from tests.receiver.journal.doing import (
    asked,
    at_the_gate,
    by_the_guards,
    ended,
    fires,
    taken,
    words,
)
from tests.receiver.journal.places import PostgresPlace
from tests.servers.process import until

pytestmark = pytest.mark.server
SHORT = 0.4  # a lease, where a test waits for its end


@asynccontextmanager
async def replicas(
    place: PostgresPlace, count: int = 2
) -> AsyncIterator[Sequence[PostgresJournal]]:
    async with AsyncExitStack() as all_of_them:
        yield [await all_of_them.enter_async_context(place.opened()) for _ in range(count)]


async def test_two_that_come_first_at_once_make_one_journal(on_postgres: PostgresPlace) -> None:
    server = on_postgres.server
    fresh = PostgresPlace(server, server.database())
    async with AsyncExitStack() as both:
        opening = (both.enter_async_context(fresh.opened()) for _ in range(3))
        names = {journal.name for journal in await asyncio.gather(*opening)}
    assert len(names) == 1


async def test_i2_what_is_due_is_claimed_by_one_of_three(on_postgres: PostgresPlace) -> None:
    async with replicas(on_postgres, 3) as journals:
        now = journals[0].clock.now()
        batch = [Seen(an_alert(f"f{n}"), a_draft(f"key-{n}")) for n in range(90)]
        await journals[0].ingest(batch, now)

        async def all_it_gets(journal: PostgresJournal) -> list[int]:
            got: list[int] = []
            while claims := await journal.claim(journal.name, now, 30.0, 7):
                got += [claim.incident.id for claim in claims]
            return got

        shares = await asyncio.gather(*map(all_it_gets, journals))
        # what another was just taking was left for the next look
        rest = await journals[0].claim("us", now, 30.0, 90)
    claimed = sorted(sum(shares, [claim.incident.id for claim in rest]))
    assert claimed == sorted(set(claimed))
    assert len(claimed) == 90


async def test_i14_a_dead_owners_incident_is_taken_over_when_its_lease_ends(
    on_postgres: PostgresPlace,
) -> None:
    async with replicas(on_postgres, 2) as (dead, alive):
        now = dead.clock.now()
        await fires(dead, now=now)
        (held,) = await dead.claim("dead", now, SHORT, 1)
        began = time.monotonic()
        assert await alive.claim("alive", now, SHORT, 1) == ()
        await dead.close()
        took: list[Claim] = []

        async def takes() -> bool:
            took.extend(await alive.claim("alive", alive.clock.now(), 30.0, 1))
            return bool(took)

        await until(takes, "the lease ends", deadline=5.0)
    assert took[0].incident == held.incident
    assert took[0].fence > held.fence
    assert SHORT <= time.monotonic() - began < 2 * SHORT + 2


async def test_i14_an_opening_takes_nothing_from_those_who_live(
    on_postgres: PostgresPlace,
) -> None:
    async with replicas(on_postgres, 1) as (first,):
        await fires(first, now=first.clock.now())
        held = await taken(first, first.clock.now())
        async with replicas(on_postgres, 1) as (second,):
            assert await second.claim("second", second.clock.now(), 1.0, 9) == ()
        assert await first.renew([held], first.clock.now() + 9) == {held.incident.id}


async def test_i14_whoever_was_taken_over_writes_nothing_more(by_hand: PostgresPlace) -> None:
    async with replicas(by_hand) as (late, quick):
        old = await at_the_gate(late)
        ruling = await asked(late, old)
        assert ruling.run is not None
        new = await taken(quick, NOW + 15.0, "quick")
        before = await words(quick)
        for write in (
            late.move(old, Move(old.incident, (Event("x", {}),), (a_letter(),)), NOW),
            asked(late, old, a_question(target="other")),
            ended(late, old, ruling.run),
        ):
            with pytest.raises(Fenced):
                await write
        assert await late.renew([old], NOW + 99) == frozenset()
        assert await words(quick) == before
        assert await quick.open_run(old.incident.id) == ruling.run
        assert await quick.renew([new], NOW + 99) == {new.incident.id}


@pytest.mark.timeout(120)
async def test_i1_an_ha_pair_that_tells_two_receivers_the_same_at_once_opens_each_alert_once(
    on_postgres: PostgresPlace,
) -> None:
    """Rows in opposite orders are what PostgreSQL calls a deadlock; 20 of 60 posts failed in a prototype."""
    async with replicas(on_postgres, 2) as (one, other):
        for number in range(20):
            now = one.clock.now()
            batch = [
                Seen(an_alert(f"{number}.{n}"), a_draft(f"{number}.{n % 40}")) for n in range(100)
            ]
            told = await asyncio.gather(
                one.ingest(batch, now),
                other.ingest(batch[::-1], now),
                *(one.ingest([seen], now) for seen in batch[::7]),
                *(other.ingest([seen], now) for seen in batch[::-7]),
            )
            assert count(told, Kind.NEW) == 100
            assert sum(len(done.opened) for done in told) == 40
            ends = [Seen(a_resolve(f"{number}.{n}", ends_at=now), None) for n in range(100)]
            over = await asyncio.gather(one.ingest(ends, now), other.ingest(ends[::-1], now))
            assert sum(done.resolved for done in over) == 100
        assert (await one.verify()).bad is None
        assert (await words(one)).count("opened") == 20 * 40
    assert "deadlock" not in on_postgres.server.output()


def count(told: Sequence[Ingested], kind: Kind) -> int:
    return sum(done.kinds.count(kind) for done in told)


async def test_i2_two_receivers_gate_one_target_at_once_and_one_may(
    by_hand: PostgresPlace,
) -> None:
    async with replicas(by_hand, 3) as journals:
        claims = [await at_the_gate(journal, f"f{n}") for n, journal in enumerate(journals)]
        rulings = await asyncio.gather(*map(asked, journals, claims))
    assert [ruling.run is not None for ruling in rulings].count(True) == 1
    reasons = {ruling.move.incident.reason for ruling in rulings if ruling.run is None}
    assert reasons == {Reason.TARGET_BUSY}


async def test_i3_one_disruptive_action_at_once_over_all_receivers(by_hand: PostgresPlace) -> None:
    async with replicas(by_hand, 3) as journals:
        claims = [
            await at_the_gate(journal, f"f{n}", target=f"t{n}")
            for n, journal in enumerate(journals)
        ]
        rulings = await asyncio.gather(*map(asked, journals, claims))
    assert [ruling.run is not None for ruling in rulings].count(True) == 1


async def test_i3_the_limits_hold_over_all_receivers_and_one_page_is_written(
    by_hand: PostgresPlace,
) -> None:
    limits = Limits(Rate(99, 3600.0), Rate(4, 3600.0), disruptive_at_once=99)
    page = (a_letter("frozen", channel="pager", dedup="page"),)
    async with replicas(by_hand, 3) as journals:
        claims = [
            (journals[n % 3], await at_the_gate(journals[n % 3], f"f{n}", target=f"t{n}"))
            for n in range(12)
        ]

        async def gate(journal: PostgresJournal, claim: Claim) -> Ruling:
            target = claim.incident.targets[0]
            rule = by_the_guards(claim, a_run(claim, target=target), page)
            return await journal.gate(claim, a_question(target=target, limits=limits), rule)

        rulings = await asyncio.gather(*(gate(*pair) for pair in claims))
        assert sum(ruling.run is not None for ruling in rulings) == 4
        assert (await words(journals[0])).count("frozen") == 1
        assert (await journals[0].backlog())["pager"].pending == 1


async def test_i10_a_pause_said_to_one_holds_for_all(by_hand: PostgresPlace) -> None:
    async with replicas(by_hand) as (one, other):
        claim = await at_the_gate(other)
        await one.pause("ann", "deploy", NOW)
        assert (await asked(other, claim)).move.incident.reason is Reason.PAUSED
        assert await other.paused() == "deploy (ann)"


async def test_i8_a_letter_is_handed_to_one_receiver(by_hand: PostgresPlace) -> None:
    async with replicas(by_hand, 3) as journals:
        letters = [a_letter(incident=number) for number in range(1, 31)]
        await journals[0].record([], letters, NOW)
        shares = await asyncio.gather(*(one.postings("ops", NOW, 15) for one in journals))
        ids = [posting.id for share in shares for posting in share]
        assert len(ids) == len(set(ids)) >= 15
        again = await journals[0].postings("ops", NOW, 50)
        assert not {one.id for one in again} & {one.id for s in shares[1:] for one in s}


async def held_letters(journal: PostgresJournal, *events: str) -> tuple[Posting, ...]:
    letters: list[Letter] = [a_letter(event) for event in events]
    await journal.record([], letters, NOW)
    return await journal.postings("ops", NOW, 9)


async def test_i8_a_letter_that_is_being_sent_holds_back_those_behind_it(
    by_hand: PostgresPlace,
) -> None:
    async with replicas(by_hand) as (one, other):
        (first,) = await held_letters(one, "opened", "acted")
        assert await other.postings("ops", NOW, 9) == ()
        await one.posted(first, Event("notified", {}), NOW)
        (second,) = await other.postings("ops", NOW, 9)
        assert second.letter.event == "acted"
        assert await one.postings("ops", NOW, 9) == ()


async def test_i8_a_dead_receivers_letters_are_sent_by_another(by_hand: PostgresPlace) -> None:
    async with replicas(by_hand) as (dead, alive):
        (letter,) = await held_letters(dead, "opened")
        await dead.renew([], NOW + 2 * HOLD)  # its last heartbeat
        assert await alive.postings("ops", NOW + HOLD, 9) == ()
        assert await alive.postings("ops", NOW + 2 * HOLD, 9) == (letter,)
        # it was only slow: what it says now about a letter that is another's changes nothing
        await dead.postpone(letter, NOW + 999, "timeout")
        await dead.bury(letter, "404", NOW)
        assert await alive.postings("ops", NOW + 2 * HOLD, 9) == (letter,)


async def test_a_letter_that_was_not_taken_may_be_tried_by_anybody(by_hand: PostgresPlace) -> None:
    async with replicas(by_hand) as (one, other):
        (letter,) = await held_letters(one, "opened")
        await one.postpone(letter, NOW + 1, "502")
        assert await other.postings("ops", NOW + 1, 9) == (replace(letter, attempts=1),)


async def test_what_one_receiver_closes_another_hears_when_it_lets_go(
    by_hand: PostgresPlace,
) -> None:
    async with replicas(by_hand) as (one, other):
        await fires(one)
        claim = await taken(one)
        await other.ingest([Seen(a_resolve(), None)], NOW + 1)
        await one.move(claim, Move(claim.incident, due=NOW + 1000), NOW + 2)
        again = await taken(other, NOW + 2, "other")
        assert not again.firing


async def test_firing_and_the_nudge_never_both_miss_a_resolve(on_postgres: PostgresPlace) -> None:
    """A claim and a resolve at the same moment: either the claim sees it, or it is looked at once more."""
    async with replicas(on_postgres) as (one, other):
        for number in range(40):
            now = one.clock.now()
            await fires(one, f"f{number}", now=now)
            end = Seen(a_resolve(f"f{number}", ends_at=now), None)
            claims, _ = await asyncio.gather(
                one.claim("one", now, 30.0, 9), other.ingest([end], now)
            )
            (last,) = claims or await one.claim("one", now, 30.0, 9)
            if last.firing:
                await one.move(last, Move(last.incident, due=now + 1000), now)
                (last,) = await one.claim("one", now, 30.0, 9)
            assert not last.firing
            gone = last.incident.moved(State.RESOLVED, Reason.RESOLVED, now)
            await one.move(last, Move(gone), now)


class AnHourOff:
    """A machine whose clock nobody has set."""

    def now(self) -> float:
        return time.time() + 3600.0

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def test_i14_a_machine_whose_clock_is_off_lives_by_the_databases(
    on_postgres: PostgresPlace,
) -> None:
    async with on_postgres.opened(clock=AnHourOff()) as off, on_postgres.opened() as right:
        assert abs(off.clock.now() - right.clock.now()) < 1.0
        await fires(right, now=right.clock.now())
        held = await taken(right, right.clock.now())
        # not even by what it says
        assert await off.claim("off", AnHourOff().now(), 15.0, 9) == ()
        assert await right.renew([held], right.clock.now() + 15) == {held.incident.id}


async def test_of_two_deploys_that_two_receivers_are_told_of_at_once_one_is_refused(
    by_hand: PostgresPlace,
) -> None:
    async with replicas(by_hand, 3) as journals:
        told = [
            journal.enter("api", started(Deploy("api", f"v{number}", "ci", NOW)), NOW)
            for number, journal in enumerate(journals)
        ]
        came = await asyncio.gather(*told, return_exceptions=True)
        assert sum(isinstance(one, NotThat) for one in came) == 2
        assert len(await journals[0].releases("api")) == 1
