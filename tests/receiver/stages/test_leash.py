from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from receiver.decide.incident import State
from receiver.journal import Fenced
from receiver.managers.base import ManagerError
from receiver.managers.supervisor import Supervisor
from receiver.pipeline import LEASE, Pipeline
from receiver.stages.leash import leashed
from receiver.tools import CalledOff, Finished, Tools
from tests.receiver.rig import CONFIG, HandClock, Rig, ToldHttp, ToldPrograms, firing, rig


async def test_i14_who_holds_no_lease_starts_no_program_and_sends_no_request() -> None:
    programs, http = ToldPrograms(), ToldHttp()
    tools = leashed(Tools(HandClock(), http, programs), {}, lambda: False)
    with pytest.raises(Fenced):
        await tools.programs.run(["/bin/true"], timeout=1.0)
    with pytest.raises(Fenced):
        await tools.http.request("POST", "http://127.0.0.1:1/gc", timeout=1.0)
    assert (programs.asked, http.asked) == ([], [])


async def test_i14_who_holds_no_lease_stops_nothing_at_supervisord() -> None:
    nowhere = Supervisor(name="shop", url="unix:///nowhere.sock")
    tools = Tools(HandClock(), ToldHttp(), ToldPrograms())
    with pytest.raises(ManagerError):
        await nowhere.restart(leashed(tools, {}, lambda: True))
    with pytest.raises(Fenced):
        await nowhere.restart(leashed(tools, {}, lambda: False))


async def test_every_program_of_an_action_carries_its_name_whatever_else_it_is_given() -> None:
    programs = ToldPrograms()
    tools = leashed(Tools(HandClock(), ToldHttp(), programs), {"A": "1", "B": "2"}, lambda: True)
    await tools.programs.run(["/bin/true"], timeout=1.0, env={"B": "3"})
    assert programs.environments == [{"A": "1", "B": "3"}]


async def test_what_is_called_off_is_told_between_two_batches_and_not_within_one() -> None:
    def call_off() -> None:
        raise CalledOff

    programs, http = ToldPrograms(), ToldHttp()
    tools = leashed(Tools(HandClock(), http, programs), {}, lambda: True, call_off)
    await tools.programs.run(["/bin/true"], timeout=1.0)
    await tools.http.request("POST", "http://127.0.0.1:1/gc", timeout=1.0)
    with pytest.raises(CalledOff):
        tools.require_lease()


def test_i14_who_holds_no_lease_is_told_so_whatever_else_there_is_to_say() -> None:
    def call_off() -> None:
        raise CalledOff

    tools = leashed(Tools(HandClock(), ToldHttp(), ToldPrograms()), {}, lambda: False, call_off)
    with pytest.raises(Fenced):
        tools.require_lease()


@dataclass
class LongPrograms:
    """Each takes its time, while nobody prolongs a lease."""

    clock: HandClock
    seconds: float
    told: ToldPrograms

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        max_output: int = 64 * 1024,
    ) -> Finished:
        self.clock.at += self.seconds
        return await self.told.run(argv, timeout=timeout, env=env, max_output=max_output)


def paused_for(made: Rig, seconds: float) -> Pipeline:
    programs = LongPrograms(made.clock, seconds, made.programs)
    tools = replace(made.context.tools, programs=programs)
    return Pipeline(replace(made.context, tools=tools), "test")


TWO = {
    **CONFIG["playbooks"][0],
    "ladder": [{"action": "run", "argv": ["x"], "on": ["shop", "cache"]}],
}


async def test_i14_who_was_away_for_longer_than_his_lease_begins_nothing_more() -> None:
    async with rig(playbooks=[TWO]) as made:
        pipeline = paused_for(made, LEASE + 1)
        await made.deliver(firing())
        await pipeline.work_off()
        assert len(made.programs.asked) == 1
        (first, second) = await made.events("outcome")
        assert (first["result"], second["result"]) == ("ok", "cancelled")
        assert (await made.incident()).state is State.GATING


async def test_and_when_nobody_else_has_taken_it_he_goes_on_where_he_was() -> None:
    async with rig(playbooks=[TWO]) as made:
        pipeline = paused_for(made, LEASE + 1)
        await made.deliver(firing())
        await pipeline.work_off()
        await pipeline.work_off()
        assert len(made.programs.asked) == 2
        assert [row["target"] for row in await made.events("outcome")] == [
            *("shop", "cache", "cache")
        ]


async def test_who_holds_his_lease_acts_on_both() -> None:
    async with rig(playbooks=[TWO]) as made:
        pipeline = paused_for(made, LEASE / 3)
        await made.deliver(firing())
        await pipeline.work_off()
        assert len(made.programs.asked) == 2
