"""Looking back: any page of what was, on every engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Event, Journal, Move, Seen
from receiver.journal.chain import GENESIS
from receiver.journal.history import Search
from tests.receiver.builders import NOW, a_draft, an_alert
from tests.receiver.journal.doing import acted, exported, fires
from tests.receiver.journal.places import Place


async def some(journal: Journal) -> None:
    """Six incidents, a minute apart: by turns of two playbooks, of three targets."""
    for number in range(6):
        await fires(
            journal,
            f"f{number}",
            targets=("api", "db_1")
            if number == 3
            else (("api",), ("db_1",), ("dbx1",))[number % 3],
            playbook=("memory", "errors")[number % 2],
            now=NOW + 60 * number,
        )


async def found(journal: Journal, **said: object) -> list[int]:
    return [one.id for one in await journal.search(replace(Search(), **said))]  # type: ignore[arg-type]  # as Search says


async def test_without_a_word_the_newest_are_found_first(journal: Journal) -> None:
    await some(journal)
    assert await found(journal, limit=3) == [6, 5, 4]
    assert await found(journal, limit=3, before=4) == [3, 2, 1]
    assert await found(journal, before=1) == []


@pytest.mark.parametrize(
    ("said", "ids"),
    [
        ({"playbook": "errors"}, [6, 4, 2]),
        ({"target": "api"}, [4, 1]),
        ({"target": "db_1"}, [5, 4, 2]),  # the underscore is one, and not any letter
        ({"severity": "critical"}, [6, 5, 4, 3, 2, 1]),
        ({"severity": "info"}, []),
        ({"state": "OPEN", "playbook": "memory", "target": "dbx1"}, [3]),
        ({"state": "RESOLVED"}, []),
        ({"since": NOW + 120, "until": NOW + 180}, [4, 3]),
        ({"text": "ERRORS are"}, [6, 5, 4, 3, 2, 1]),
        ({"text": "100%"}, []),
        ({"text": "' OR 1=1 --"}, []),
    ],
)
async def test_what_is_said_is_all_that_is_found(
    journal: Journal, said: dict[str, object], ids: list[int]
) -> None:
    await some(journal)
    assert await found(journal, **said) == ids


async def test_of_what_waits_for_somebody_every_one_is_found_however_many_others_there_are(
    journal: Journal,
) -> None:
    await some(journal)
    for number in (6, 5, 2):
        await journal.command(number, lambda one: Move(changed(one, acknowledged_by="ann")), NOW)
    await journal.command(1, lambda one: Move(one.moved(State.RESOLVED, Reason.OPERATOR, NOW)), NOW)
    assert await found(journal, waiting=True, limit=1) == [4]
    assert await found(journal, waiting=True, before=4) == [3]
    assert await found(journal, waiting=True, playbook="errors") == [4]


async def test_signs_of_a_pattern_are_looked_for_as_they_are(journal: Journal) -> None:
    draft = changed(a_draft(), title="50% of !_ is gone")
    await journal.ingest([Seen(an_alert("f1"), draft)], NOW)
    assert await found(journal, text="50% of !_") == [1]
    assert await found(journal, text="50_ of") == []


async def test_what_was_done_to_a_target_is_told_the_newest_first(journal: Journal) -> None:
    await acted(journal, "f1", target="api", now=NOW)
    await acted(journal, "f2", target="api", now=NOW + 7200)
    await acted(journal, "f3", target="db", now=NOW + 7300)
    runs = await journal.target_runs("api", 5)
    assert [(one.incident, one.result) for one in runs] == [(2, "ok"), (1, "ok")]
    assert await journal.target_runs("nobody", 5) == ()


async def test_the_audit_is_read_backwards_a_page_at_a_time(journal: Journal) -> None:
    await journal.record([Event("e", {"n": number}) for number in range(5)], (), NOW)
    page = await journal.audit(None, 2)
    assert [one.seq for one in page] == [5, 4]
    assert [one.seq for one in await journal.audit(4, 10)] == [3, 2, 1]


async def test_the_chain_is_followed_in_pieces(journal: Journal) -> None:
    await journal.record([Event("e", {"n": number}) for number in range(5)], (), NOW)
    first = await journal.follow(0, GENESIS, 3)
    rest = await journal.follow(first.seq, first.hash, 3)
    over = await journal.follow(rest.seq, rest.hash, 3)
    assert [(one.seq, one.rows, one.highest, one.bad) for one in (first, rest, over)] == [
        (3, 3, 5, None),
        (5, 2, 5, None),
        (5, 0, 5, None),
    ]
    assert rest.hash == (await exported(journal))[-1]["hash"]


async def test_a_row_that_is_not_what_it_was_has_the_chain_followed_from_its_beginning(
    journal: Journal,
) -> None:
    await journal.record([Event("e", {"n": number}) for number in range(5)], (), NOW)
    assert (await journal.follow(3, "0" * 64, 100)).rows == 5


async def test_the_first_row_that_does_not_follow_is_named(place: Place) -> None:
    async with place.opened() as journal:
        await journal.record([Event("e", {"n": number}) for number in range(5)], (), NOW)
    await place.tamper("UPDATE event SET ev = 'x' WHERE seq = 4")
    async with place.opened() as journal:
        seen = await journal.follow(0, GENESIS, 100)
    assert (seen.bad, seen.seq, seen.why) == (4, 3, "row 4 was changed")
