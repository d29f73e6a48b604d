from __future__ import annotations

import json

import pytest

from receiver.decide.episode import STALE_GRACE, Kind
from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Journal, Move, Page, Seen
from tests.receiver.builders import NOW, a_draft, a_resolve, a_seen, an_alert
from tests.receiver.journal.doing import exported, fires, taken, words
from tests.receiver.journal.places import execute
from tests.receiver.rig import firing, rig


async def tell(journal: Journal, *batch: Seen, now: float = NOW) -> tuple[Kind, ...]:
    return (await journal.ingest(batch, now)).kinds


RESOLVED = Seen(a_resolve(), None)


async def test_a_first_firing_opens_an_episode_and_an_incident(journal: Journal) -> None:
    done = await journal.ingest([a_seen()], NOW)
    incident = await journal.incident(done.opened[0])
    assert done.kinds == (Kind.NEW,)
    assert incident is not None
    assert (incident.state, incident.reason) == (State.OPEN, Reason.FIRING)
    assert (incident.targets, incident.opened_at) == (("api",), NOW)
    assert incident.episode == f"f1@{int(NOW - 60)}"
    assert incident.plan == a_draft().plan
    (alert,) = await journal.alerts(incident.id)
    assert (alert.fingerprint, alert.open, alert.starts_at) == ("f1", True, NOW - 60)


async def test_what_is_new_is_in_the_journal_in_the_words_of_the_contract(
    journal: Journal,
) -> None:
    await tell(journal, a_seen())
    received, opened = await exported(journal)
    assert {
        name: received[name] for name in ("ev", "fp", "status", "starts", "ends", "source")
    } == {
        "ev": "received",
        "fp": "f1",
        "status": "firing",
        "starts": NOW - 60,
        "ends": None,
        "source": "alertmanager",
    }
    assert (opened["ev"], opened["incident"], opened["ep"]) == ("opened", 1, f"f1@{int(NOW - 60)}")


async def test_a_repeat_is_counted_and_writes_nothing_more(journal: Journal) -> None:
    await tell(journal, a_seen())
    before = await words(journal)
    assert await tell(journal, a_seen(), now=NOW + 5) == (Kind.REPEAT,)
    assert await words(journal) == before
    (alert,) = await journal.open_alerts()
    assert alert.last_seen == NOW + 5


async def test_i1_the_same_alert_twice_in_one_delivery_opens_one_incident(
    journal: Journal,
) -> None:
    done = await journal.ingest([a_seen(), a_seen()], NOW)
    assert done.kinds == (Kind.NEW, Kind.REPEAT)
    assert len(done.opened) == 1


async def test_a_start_that_moves_back_moves_the_episode(journal: Journal) -> None:
    await tell(journal, a_seen())
    await tell(journal, a_seen(an_alert(starts_at=NOW - 3000)), a_seen(an_alert(starts_at=NOW - 5)))
    (alert,) = await journal.alerts(1)
    assert alert.starts_at == NOW - 3000


async def test_a_resolve_closes_the_episode_and_has_the_incident_looked_at(
    journal: Journal,
) -> None:
    await fires(journal)
    claim = await taken(journal)
    await journal.move(claim, Move(claim.incident, due=NOW + 1000), NOW)
    done = await journal.ingest([RESOLVED], NOW + 1)
    assert (done.kinds, done.resolved) == ((Kind.NEW,), 1)
    assert not (await journal.alerts(1))[0].open
    assert await journal.next_due() == NOW + 1


async def test_a_second_resolve_is_a_repeat(journal: Journal) -> None:
    await tell(journal, a_seen(), RESOLVED)
    assert await tell(journal, RESOLVED) == (Kind.REPEAT,)


async def test_a_resolve_of_what_was_never_heard_of_is_nothing(journal: Journal) -> None:
    assert await tell(journal, RESOLVED) == (Kind.REPEAT,)
    assert await words(journal) == []


async def test_a_late_resolve_leaves_the_episode_open(journal: Journal) -> None:
    await tell(journal, a_seen())
    assert await tell(journal, Seen(a_resolve(ends_at=NOW - 61), None)) == (Kind.STALE,)
    assert (await journal.alerts(1))[0].open


async def test_firing_and_resolved_in_one_delivery_keep_their_order(journal: Journal) -> None:
    again = a_seen(an_alert(starts_at=NOW + 1))
    assert await tell(journal, a_seen(), RESOLVED, again) == (Kind.NEW, Kind.NEW, Kind.NEW)
    assert [alert.open for alert in await journal.alerts(1)] == [False, True]


async def test_a_stale_firing_after_the_resolve_opens_nothing(journal: Journal) -> None:
    await tell(journal, a_seen(), RESOLVED)
    assert await tell(journal, a_seen(), now=NOW + 1) == (Kind.STALE,)
    assert await journal.open_alerts() == ()


async def test_a_stale_firing_said_long_enough_is_believed(journal: Journal) -> None:
    await tell(journal, a_seen(), RESOLVED)
    await tell(journal, a_seen(), now=NOW + 1)
    assert await tell(journal, a_seen(), now=NOW + STALE_GRACE) == (Kind.STALE,)
    assert await tell(journal, a_seen(), now=NOW + 1 + STALE_GRACE) == (Kind.NEW,)


async def test_a_straggler_then_another_one_much_later_are_two_stragglers(
    journal: Journal,
) -> None:
    """What a resolve followed is settled: it does not vouch for the next stale firing."""
    await tell(journal, a_seen(), RESOLVED)
    await tell(journal, a_seen(), RESOLVED, now=NOW + 1)
    assert await tell(journal, a_seen(), now=NOW + 1 + 2 * STALE_GRACE) == (Kind.STALE,)


async def test_a_new_episode_forgets_the_old_ones_stragglers(journal: Journal) -> None:
    await tell(journal, a_seen(), RESOLVED, a_seen())
    later = an_alert(starts_at=NOW + 100)
    await tell(journal, a_seen(later), Seen(a_resolve(ends_at=NOW + 200), None), now=NOW + 200)
    assert await tell(journal, a_seen(later), now=NOW + 999) == (Kind.STALE,)


async def test_what_alertmanager_confirms_is_opened_at_once(journal: Journal) -> None:
    await tell(journal, a_seen(), RESOLVED)
    assert await tell(journal, a_seen(an_alert(confirmed=True))) == (Kind.NEW,)


async def test_two_alerts_of_one_key_share_an_incident(journal: Journal) -> None:
    done = await journal.ingest([a_seen(an_alert("a")), a_seen(an_alert("b"))], NOW)
    assert len(done.opened) == 1
    assert [alert.fingerprint for alert in await journal.alerts(done.opened[0])] == ["a", "b"]


async def test_an_alert_that_joins_has_the_incident_looked_at(journal: Journal) -> None:
    await tell(journal, a_seen(an_alert("a")))
    claim = await taken(journal)
    await journal.move(claim, Move(claim.incident, due=NOW + 1000), NOW)
    await tell(journal, a_seen(an_alert("b")), now=NOW + 2)
    assert await journal.next_due() == NOW + 2


async def test_an_incidents_severity_is_the_highest_of_its_alerts(journal: Journal) -> None:
    seen = [a_seen(an_alert(name), severity=name) for name in ("info", "critical", "warning")]
    await tell(journal, *seen)
    incident = await journal.incident(1)
    assert incident is not None
    assert incident.severity == "critical"


async def test_a_move_does_not_forget_the_severity_that_rose_meanwhile(
    journal: Journal,
) -> None:
    await tell(journal, a_seen(an_alert("a"), severity="info"))
    claim = await taken(journal)
    await tell(journal, a_seen(an_alert("b"), severity="critical"))
    await journal.move(claim, Move(claim.incident, due=NOW), NOW)
    assert (await taken(journal)).incident.severity == "critical"


async def test_a_closed_incident_is_not_joined(journal: Journal) -> None:
    await tell(journal, a_seen(an_alert("a")))
    claim = await taken(journal)
    await journal.move(claim, Move(claim.incident.moved(State.RESOLVED, Reason.OPERATOR, NOW)), NOW)
    done = await journal.ingest([a_seen(an_alert("b"))], NOW)
    assert done.opened == (2,)


async def test_one_fingerprint_from_two_sources_is_two_alerts(journal: Journal) -> None:
    one, other = an_alert(source="a"), an_alert(source="b")
    assert await tell(journal, a_seen(one), a_seen(other)) == (Kind.NEW, Kind.NEW)
    assert {alert.source for alert in await journal.open_alerts()} == {"a", "b"}


async def test_an_alert_without_a_draft_is_only_remembered(journal: Journal) -> None:
    done = await journal.ingest([Seen(an_alert(), None)], NOW)
    assert (done.kinds, done.opened) == ((Kind.NEW,), ())
    assert await journal.incidents(Page()) == ()
    assert [alert.fingerprint for alert in await journal.open_alerts()] == ["f1"]


async def test_text_of_every_kind_survives(journal: Journal) -> None:
    labels = {"alertname": "Ä'; DROP TABLE event; --", "nul": "a\0b", "emoji": '🌱\n\t"\\'}
    await tell(journal, a_seen(an_alert(labels=labels, annotations=labels)))
    incident = await journal.incident(1)
    assert incident is not None
    assert (incident.labels, incident.annotations) == (labels, labels)
    assert (await journal.alerts(1))[0].labels == labels


async def test_every_alert_of_an_incident_has_its_own_annotations(journal: Journal) -> None:
    first, second = an_alert("a", annotations={"n": "1"}), an_alert("b", annotations={"n": "2"})
    await tell(journal, a_seen(first), a_seen(second))
    await tell(journal, a_seen(an_alert("c")))
    assert [one.annotations for one in await journal.alerts(1)] == [{"n": "1"}, {"n": "2"}, {}]


async def test_i9_what_alertmanager_mutes_is_known_and_has_the_incident_looked_at(
    journal: Journal,
) -> None:
    await fires(journal)
    claim = await taken(journal)
    await journal.move(claim, Move(claim.incident, due=NOW + 1000), NOW)
    await journal.confirm({"alertmanager:f1": ""}, NOW + 1)
    assert await journal.next_due() == NOW + 1000
    await journal.confirm({"alertmanager:f1": "silenced", "alertmanager:never": ""}, NOW + 2)
    assert await journal.next_due() == NOW + 2
    (alert,) = await journal.open_alerts()
    assert (alert.alert, alert.muted, alert.last_seen) == ("alertmanager:f1", "silenced", NOW + 2)


async def test_what_is_confirmed_and_closed_stays_closed(journal: Journal) -> None:
    await tell(journal, a_seen(), RESOLVED)
    await journal.confirm({"alertmanager:f1": ""}, NOW + 1)
    assert await journal.open_alerts() == ()


async def test_a_spoiled_alert_is_kept_for_a_human(journal: Journal) -> None:
    await journal.quarantine("am", "alerts[0].status: wrong", '{"x": 1}', NOW)
    (row,) = await execute(journal, "SELECT * FROM quarantine")
    assert row == (1, NOW, "am", "alerts[0].status: wrong", '{"x": 1}')


async def test_a_lie_is_kept_for_a_human_and_nothing_comes_of_it(journal: Journal) -> None:
    lie = firing(startsAt="2099-01-01T00:00:00Z")
    async with rig(journal=journal) as made:
        receipt = await made.deliver(lie)
        ((source, why, kept),) = await execute(journal, "SELECT source, why, body FROM quarantine")
        assert (receipt.received, receipt.new, receipt.quarantined) == (1, 0, 1)
        assert await journal.open_alerts() == ()
    assert (source, why) == ("alertmanager", "alerts[0]: it fires, and begins in 26399d23h55m")
    assert json.loads(str(kept)) == lie


async def test_ten_thousand_alerts_are_one_transaction(journal: Journal) -> None:
    draft = a_draft()
    batch = [Seen(an_alert(f"f{n}"), changed(draft, key=f"key-{n % 100}")) for n in range(10_000)]
    done = await journal.ingest(batch, NOW)
    assert (len(done.kinds), len(done.opened)) == (10_000, 100)
    assert set(await tell(journal, *batch)) == {Kind.REPEAT}


async def test_a_seen_keeps_what_its_draft_says(journal: Journal) -> None:
    lost = changed(a_draft(), reason=Reason.UNKNOWN_TARGET, targets=())
    await tell(journal, Seen(an_alert(), lost))
    incident = await journal.incident(1)
    assert incident is not None
    assert (incident.reason, incident.targets) == (Reason.UNKNOWN_TARGET, ())


@pytest.mark.parametrize("ended", [NOW - 10, None])
async def test_a_firing_that_is_overtaken_by_its_own_end_is_stale_and_one_that_began_after_it_is_new(
    journal: Journal, ended: float | None
) -> None:
    end = a_resolve(ends_at=ended)
    await tell(journal, Seen(end, None))
    assert await tell(journal, a_seen()) == (Kind.STALE,)
    after = changed(a_seen().observation, starts_at=NOW - 5)
    assert await tell(journal, changed(a_seen(), observation=after)) == (Kind.NEW,)
