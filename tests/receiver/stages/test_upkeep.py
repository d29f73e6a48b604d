"""What time alone brings about."""

from __future__ import annotations

from dataclasses import replace

import pytest

from prunella.metrics import REGISTRY
from receiver.decide.drift import forgotten_since
from receiver.decide.incident import MOVES, State
from receiver.decide.reason import Reason
from receiver.journal import Conflict, Letter
from receiver.stages.upkeep import Upkeep, expired, thaw
from receiver.tools import ActiveAlert, OutsideError, PartialAnswerError
from tests.receiver.builders import an_incident
from tests.receiver.rig import CONFIG, Rig, ToldAlertmanager, firing, rig
from tests.receiver.stages.listening import listening

ONE_AN_HOUR = {"per_target": "1/1h"}
PLAYBOOK = [{**CONFIG["playbooks"][0], "cooldown": "0", "group_by": ["service", "pod"]}]


def shut(kind: str) -> float | None:
    return REGISTRY.get_sample_value("prunella_frozen_scopes", {"kind": kind})


async def over_the_limit(made: Rig) -> None:
    """Two incidents on one target: the second finds the limit used up."""
    for pod in ("a", "b"):
        await made.deliver(firing(fingerprint=pod, labels={"pod": pod}))
        await made.settle()


async def test_a_frozen_scope_thaws_although_nobody_asks_for_it() -> None:
    async with rig(limits=ONE_AN_HOUR, playbooks=PLAYBOOK) as made:
        await over_the_limit(made)
        assert [row["scope"] for row in await made.events("frozen")] == ["target:shop"]
        made.clock.at += 3600
        await thaw(made.context)
        assert [row["scope"] for row in await made.events("thawed")] == ["target:shop"]


async def test_whoever_was_told_of_the_freeze_is_told_of_its_end() -> None:
    async with rig(limits=ONE_AN_HOUR, playbooks=PLAYBOOK) as made:
        await over_the_limit(made)
        made.clock.at += 3600
        await thaw(made.context)
        told = [body for body in await made.told() if body["event"] in {"frozen", "thawed"}]
        assert [body["event"] for body in told] == ["frozen", "thawed"]
        assert "target:shop" in told[1]["text"]


async def test_the_gauge_shows_what_is_shut_now() -> None:
    async with rig(limits=ONE_AN_HOUR, playbooks=PLAYBOOK) as made:
        await over_the_limit(made)
        await thaw(made.context)
        assert (shut("target"), shut("global")) == (1.0, 0.0)
        made.clock.at += 3600
        await thaw(made.context)
        assert shut("target") == 0.0


async def test_nothing_is_written_while_nothing_thaws() -> None:
    async with rig(limits=ONE_AN_HOUR, playbooks=PLAYBOOK) as made:
        await over_the_limit(made)
        before = len(await made.events())
        await thaw(made.context)
        assert len(await made.events()) == before


HOUR = 3600.0


async def unheard(made: Rig, hours: float = 2.1) -> None:
    """An incident that was escalated, and of which nothing was heard any more."""
    made.http.status = 500
    await made.deliver(firing())
    await made.wait(40)
    assert (await made.incident()).state is State.ESCALATED
    made.http.status = 200
    made.clock.at += hours * HOUR


def held(fingerprint: str = "fp-shop") -> ActiveAlert:
    return ActiveAlert(fingerprint, {}, {}, 0.0, silenced=False, inhibited=False)


async def looked(made: Rig) -> State:
    await Upkeep(made.context).once()
    return (await made.incident()).state


async def test_what_is_gone_everywhere_and_was_not_heard_of_for_long_is_given_up() -> None:
    async with rig(holds=ToldAlertmanager()) as made:
        await unheard(made)
        made.prometheus.values = ()
        assert await looked(made) is State.EXPIRED
        assert [row["reason"] for row in await made.events("expired")] == ["expired"]
        last = (await made.told())[-1]
        assert (last["event"], "Given up" in last["text"]) == ("resolved", True)


async def test_what_was_heard_of_lately_is_not_given_up() -> None:
    async with rig(holds=ToldAlertmanager()) as made:
        await unheard(made, hours=1.9)
        made.prometheus.values = ()
        assert await looked(made) is State.ESCALATED


async def test_the_limit_is_configurable() -> None:
    async with rig(holds=ToldAlertmanager(), limits={"expire_after": "10m"}) as made:
        await unheard(made, hours=0.2)
        made.prometheus.values = ()
        assert await looked(made) is State.EXPIRED


async def test_what_prometheus_still_knows_is_not_given_up() -> None:
    async with rig(holds=ToldAlertmanager()) as made:
        await unheard(made)
        assert await looked(made) is State.ESCALATED


async def test_what_alertmanager_still_holds_is_not_given_up() -> None:
    async with rig(holds=ToldAlertmanager((held(),))) as made:
        await unheard(made)
        made.prometheus.values = ()
        assert await looked(made) is State.ESCALATED


@pytest.mark.parametrize("error", [OutsideError("no answer"), PartialAnswerError("one", ())])
async def test_nobodys_silence_is_taken_for_a_yes(error: OutsideError) -> None:
    async with rig(holds=ToldAlertmanager(error=error)) as made:
        await unheard(made)
        made.prometheus.values = ()
        assert await looked(made) is State.ESCALATED


async def test_a_prometheus_that_does_not_answer_gives_nothing_up() -> None:
    async with rig(holds=ToldAlertmanager()) as made:
        await unheard(made)
        made.prometheus.error = OutsideError("no answer")
        assert await looked(made) is State.ESCALATED


async def test_who_can_ask_nobody_waits_for_a_day() -> None:
    async with rig() as made:
        tools = replace(made.context.tools, prometheus=None)
        await unheard(made, hours=23.9)
        keeper = Upkeep(replace(made.context, tools=tools))
        assert await keeper.expire() == 0
        made.clock.at += 0.2 * HOUR
        assert await keeper.expire() == 1


async def test_what_somebody_still_knew_is_asked_about_again_but_not_at_once() -> None:
    async with rig(holds=ToldAlertmanager()) as made:
        await unheard(made)
        keeper = Upkeep(made.context)
        assert await keeper.expire() == 0
        made.prometheus.values = ()
        made.clock.at += 599
        assert await keeper.expire() == 0
        made.clock.at += 1
        assert await keeper.expire() == 1


async def test_two_who_give_up_at_once_tell_it_once() -> None:
    async with rig(holds=ToldAlertmanager()) as made:
        await unheard(made)
        made.prometheus.values = ()
        assert await Upkeep(made.context).expire() + await Upkeep(made.context).expire() == 1
        assert len(await made.events("expired")) == 1


@pytest.mark.parametrize("state", sorted(s for s in State if State.EXPIRED not in MOVES[s]))
async def test_nothing_is_given_up_while_it_is_acted_on_or_looked_at(state: State) -> None:
    async with rig() as made:
        with pytest.raises(Conflict):
            expired(an_incident(state=state), made.context)
        after = expired(an_incident(state=State.BLOCKED), made.context).incident
        assert (after.state, after.reason) == (State.EXPIRED, Reason.EXPIRED)


def test_a_limit_longer_than_a_day_holds_also_where_nobody_can_be_asked() -> None:
    assert forgotten_since(1e6, 2e5, can_ask=False) == 8e5
    assert forgotten_since(1e6, 7200.0, can_ask=False) == 1e6 - 86400.0
    assert forgotten_since(1e6, 7200.0, can_ask=True) == 1e6 - 7200.0


async def test_letters_to_a_channel_that_is_gone_for_good_are_buried() -> None:
    async with rig() as made:
        upkeep = Upkeep(made.context)
        await made.journal.record([], [Letter("gone", "opened", {"incident": 1}, "d-1")], 1.0)
        await upkeep.once()
        made.clock.at += 800
        await upkeep.once()
        assert await made.events("undeliverable") == []
        made.clock.at += 120
        await upkeep.once()
        (row,) = await made.events("undeliverable")
        assert (row["channel"], row["error"]) == ("gone", "the config has no such channel any more")
        assert "gone" not in await made.journal.backlog()


async def test_letters_to_a_channel_that_comes_back_wait_for_it() -> None:
    async with rig() as made:
        upkeep = Upkeep(made.context)
        await made.journal.record([], [Letter("gone", "opened", {"incident": 1}, "d-1")], 1.0)
        await upkeep.once()
        made.clock.at += 800
        before = made.settings
        listening(made, "gone")
        await upkeep.once()
        made.settings = before
        made.clock.at += 800
        await upkeep.once()
        assert await made.events("undeliverable") == []
