from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from receiver.decide.incident import State
from receiver.tools import ActiveAlert, OutsideError, PartialAnswerError
from tests.receiver.rig import CONFIG, ToldAlertmanager, ToldSilencer, firing, resolved, rig
from tests.servers.process import until

BOOK = CONFIG["playbooks"][0]


def held(alert: Mapping[str, Any]) -> ActiveAlert:
    labels = dict(alert["labels"])
    return ActiveAlert(alert["fingerprint"], labels, {}, 0.0, silenced=False, inhibited=False)


OTHER = held(firing("cache", labels={"instance": "one"}))
HOLDS = ToldAlertmanager((held(firing()), OTHER))


async def test_while_it_is_repaired_exactly_the_incidents_alert_is_silenced() -> None:
    silencer = ToldSilencer()
    async with rig(holds=HOLDS, silencer=silencer) as made:
        await made.deliver(firing())
        await made.settle()
        (silences,) = silencer.silenced.values()
        assert silences == [{**firing()["labels"], "instance": ""}]


async def test_a_silence_would_end_by_itself_after_the_verdict() -> None:
    silencer = ToldSilencer()
    books = [{**BOOK, "ladder": [{**BOOK["ladder"][0], "timeout": "20s"}]}]
    async with rig(holds=HOLDS, silencer=silencer, playbooks=books) as made:
        await made.deliver(firing())
        await made.settle()
        assert silencer.seconds == [20 + 1 + 10 + 30]


async def test_after_the_verdict_it_is_taken_away() -> None:
    silencer = ToldSilencer()
    async with rig(holds=HOLDS, silencer=silencer) as made:
        await made.deliver(firing())
        await made.wait(5)
        assert (await made.incident()).state is State.HEALED_HOLD
        assert silencer.silenced == {}
        assert len(silencer.ended) == 1


async def test_while_the_proof_is_awaited_it_is_kept() -> None:
    silencer = ToldSilencer()
    async with rig(holds=HOLDS, silencer=silencer) as made:
        made.http.status = 500
        await made.deliver(firing())
        await made.wait(5)
        assert (await made.incident()).state is State.VERIFYING
        assert len(silencer.silenced) == 1


async def test_each_rung_has_a_silence_of_its_own_and_a_human_hears_everything() -> None:
    silencer = ToldSilencer()
    async with rig(holds=HOLDS, silencer=silencer) as made:
        made.http.status = 500
        await made.deliver(firing())
        await made.wait(40)
        assert (await made.incident()).state is State.ESCALATED
        assert len(silencer.seconds) == len(silencer.ended) == 2
        assert silencer.silenced == {}


async def test_an_action_that_fails_leaves_no_silence() -> None:
    silencer = ToldSilencer()
    async with rig(holds=HOLDS, silencer=silencer) as made:
        made.programs.exit_code = 1
        await made.deliver(firing())
        await made.settle()
        assert (await made.incident()).state is State.ESCALATED
        assert (len(silencer.seconds), silencer.silenced) == (2, {})


async def test_a_rung_of_several_targets_is_silenced_once_for_all() -> None:
    silencer = ToldSilencer()
    rung = {**BOOK["ladder"][0], "on": ["shop", "cache"], "timeout": "20s"}
    async with rig(holds=HOLDS, silencer=silencer, playbooks=[{**BOOK, "ladder": [rung]}]) as made:
        await made.deliver(firing())
        await made.settle()
        assert len(made.programs.asked) == 2
        assert silencer.seconds == [2 * 20 + 1 + 10 + 30]


async def test_the_effect_does_not_wait_for_the_silence() -> None:
    gate = asyncio.Event()
    silencer = ToldSilencer(gate=gate)
    async with rig(holds=HOLDS, silencer=silencer) as made:
        await made.deliver(firing())
        working = asyncio.create_task(made.settle())
        await asyncio.wait_for(made.programs.began.wait(), 2.0)
        assert not working.done()
        gate.set()
        await working
        assert len(silencer.silenced) == 1


async def test_an_outcome_is_on_disk_before_the_silence_is_waited_for() -> None:
    silencer = ToldSilencer(gate=asyncio.Event())
    async with rig(holds=HOLDS, silencer=silencer) as made:
        await made.deliver(firing())
        working = asyncio.create_task(made.settle())

        async def written() -> bool:
            return bool(await made.events("outcome"))

        await until(written, "an outcome", deadline=2.0, every=0.005)
        assert silencer.silenced == {}
        working.cancel()


async def test_what_cannot_be_silenced_is_repaired_aloud() -> None:
    silencer = ToldSilencer(error=OutsideError("gone"))
    async with rig(holds=HOLDS, silencer=silencer) as made:
        await made.deliver(firing())
        await made.wait(5)
        await made.deliver(resolved())
        await made.wait(3)
        assert (await made.incident()).state is State.RESOLVED


async def test_nothing_is_silenced_when_not_all_alertmanagers_show_what_it_would_hold_for() -> None:
    silencer = ToldSilencer()
    partial = ToldAlertmanager(error=PartialAnswerError("1 of 2", HOLDS.active))
    async with rig(holds=partial, silencer=silencer) as made:
        await made.deliver(firing())
        await made.settle()
        assert (len(made.programs.asked), silencer.seconds) == (1, [])


async def test_an_incident_of_many_alerts_is_repaired_aloud() -> None:
    silencer = ToldSilencer()
    async with rig(holds=HOLDS, silencer=silencer) as made:
        await made.deliver(
            *(firing(fingerprint=f"f{n}", labels={"instance": str(n)}) for n in range(11))
        )
        await made.settle()
        assert (len(made.programs.asked), silencer.seconds) == (1, [])


async def test_the_incidents_own_alerts_are_silenced_one_by_one() -> None:
    silencer = ToldSilencer()
    both = [firing(), firing(fingerprint="more", labels={"instance": "two"})]
    async with rig(holds=ToldAlertmanager(), silencer=silencer) as made:
        await made.deliver(*both)
        await made.settle()
        (silences,) = silencer.silenced.values()
        assert sorted(one["instance"] for one in silences) == ["", "two"]


async def test_an_alert_of_the_incident_that_has_ended_is_not_silenced() -> None:
    silencer = ToldSilencer()
    async with rig(holds=HOLDS, silencer=silencer) as made:
        await made.journal.pause("ops", "", made.clock.now())
        over: dict[str, Any] = {"fingerprint": "more", "labels": {"instance": "two"}}
        await made.deliver(firing(), firing(**over))
        await made.deliver(resolved(**over))
        await made.journal.resume("ops", made.clock.now())
        await made.settle()
        (silences,) = silencer.silenced.values()
        assert [one["instance"] for one in silences] == [""]


async def test_what_is_only_watched_is_not_silenced() -> None:
    silencer = ToldSilencer()
    async with rig(holds=HOLDS, silencer=silencer, mode="shadow") as made:
        await made.deliver(firing())
        await made.settle()
        assert (silencer.seconds, silencer.ended) == ([], [])


async def test_what_is_held_back_at_the_last_moment_is_not_silenced() -> None:
    silencer = ToldSilencer()
    async with rig(holds=HOLDS, silencer=silencer) as made:
        await made.deliver(firing())
        await made.journal.pause("ops", "", made.clock.now())
        await made.settle()
        assert silencer.seconds == []
