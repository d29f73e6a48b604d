from __future__ import annotations

from dataclasses import replace

import pytest

from receiver.actions.base import ActionFailed, ActionTimedOut, Done
from receiver.actions.collect_garbage import CollectGarbage
from receiver.managers.base import Manager, ManagerError, ProcessStatus
from receiver.targets import Target
from receiver.tools import OutsideError, Response
from tests.receiver.actions.effects import a_target, an_effect
from tests.receiver.actions.scripted import (
    DOWN,
    MISSING,
    STARTING,
    BlindManager,
    ScriptedManager,
    scripted,
    up,
)
from tests.receiver.stand_ins import StandInHttp, a_toolbox

MIB = 1 << 20
HOSTILE = {"path": "/../admin", "signal": "SIGKILL", "pid": "1", "instance": "http://evil.example"}


def with_hook(process: Manager | None = None) -> Target:
    return a_target(process=process, base_url="http://127.0.0.1:3000/app", gc_path="/gc?deep=1")


def signalled(**script: object) -> ScriptedManager:
    return scripted(**{"after": up(1), "signal": "SIGUSR2", **script})  # type: ignore[arg-type] # a script's own words


async def collect(target: Target, http: StandInHttp | None = None) -> Done:
    effect = an_effect(target, labels=HOSTILE)
    return await CollectGarbage().run(effect, a_toolbox(http=http or StandInHttp()))


async def test_its_hook_is_asked_and_what_it_freed_is_said_in_numbers() -> None:
    http = StandInHttp(Response(204))
    done = await collect(with_hook(scripted(memory=(900 * MIB, 300 * MIB))), http)
    (asked,) = http.asked
    assert (asked.method, asked.url) == ("POST", "http://127.0.0.1:3000/app/gc?deep=1")
    assert (asked.body, asked.headers) == (None, {"Idempotency-Key": "a-1"})
    assert done.text == (
        "shop: POST to `gc_path` was answered with 204 in 0.0 s; "
        "resident memory 900.0 MiB → 300.0 MiB, 600.0 MiB freed"
    )
    assert done.counts == {
        "bytesBefore": 900 * MIB,
        "bytesAfter": 300 * MIB,
        "bytesFreed": 600 * MIB,
    }


async def test_without_a_hook_the_signal_is_sent_once() -> None:
    manager = signalled(memory=(5 * MIB, 4 * MIB))
    done = await collect(a_target(process=manager))
    assert manager.orders == ["SIGUSR2"]
    assert done.text == (
        "shop: SIGUSR2 was sent to pid 1; resident memory 5.0 MiB → 4.0 MiB, 1.0 MiB freed"
    )


async def test_a_hook_goes_before_a_signal() -> None:
    manager, http = signalled(), StandInHttp()
    await collect(with_hook(manager), http)
    assert manager.orders == []
    assert len(http.asked) == 1


async def test_memory_that_grew_is_not_hidden() -> None:
    done = await collect(a_target(process=signalled(memory=(4 * MIB, 5 * MIB))))
    assert done.text.endswith("4.0 MiB → 5.0 MiB, 1.0 MiB more than before")
    assert done.counts["bytesFreed"] == -MIB


@pytest.mark.parametrize(
    ("process", "why"),
    [
        (None, "the target has no `process`"),
        (scripted(kind=BlindManager), "the target has no `process` that could be looked at"),
        (scripted(memory=(None, None)), "its manager does not show it"),
        (scripted(before=ManagerError("PM2 is away")), "PM2 is away"),
    ],
)
async def test_where_memory_cannot_be_seen_it_says_so(process: Manager | None, why: str) -> None:
    done = await collect(with_hook(process))
    assert f"its memory cannot be seen: {why}" in done.text
    assert done.counts == {}


async def test_a_hook_that_says_no_has_failed() -> None:
    with pytest.raises(ActionFailed, match="was answered with 404") as caught:
        await collect(with_hook(), StandInHttp(Response(404)))
    assert caught.value.started
    assert not caught.value.unknown


@pytest.mark.parametrize("sent", [True, False])
async def test_what_nobody_knows_is_never_repeated(sent: bool) -> None:
    with pytest.raises(ActionFailed) as caught:
        await collect(with_hook(), StandInHttp(OutsideError("no answer", sent=sent)))
    assert (caught.value.started, caught.value.unknown) == (sent, sent)
    assert not CollectGarbage().idempotent


@pytest.mark.parametrize("started", [True, False])
async def test_a_signal_that_may_have_been_sent_is_never_repeated(started: bool) -> None:
    manager = signalled(refusal=ManagerError("lost", started=started))
    with pytest.raises(ActionFailed, match="shop: lost") as caught:
        await collect(a_target(process=manager))
    assert (caught.value.started, caught.value.unknown) == (started, started)


@pytest.mark.parametrize("before", [DOWN, STARTING, MISSING, ManagerError("away")])
async def test_what_is_not_up_is_sent_nothing(before: ProcessStatus | ManagerError) -> None:
    manager = signalled(before=before)
    with pytest.raises(ActionFailed) as caught:
        await collect(a_target(process=manager))
    assert not caught.value.started
    assert manager.orders == []


@pytest.mark.parametrize("after", [DOWN, STARTING, up(2), up(1, restarts=1)])
async def test_a_process_that_did_not_survive_it_is_no_success(after: ProcessStatus) -> None:
    with pytest.raises(ActionFailed, match="did not survive it: pid 1 →"):
        await collect(a_target(process=signalled(after=after)))


async def test_i18_the_receiver_is_never_signalled() -> None:
    manager = signalled()
    tools = replace(a_toolbox(), ourselves=frozenset({1}))
    with pytest.raises(ActionFailed, match="is the receiver itself") as caught:
        await CollectGarbage().run(an_effect(a_target(process=manager)), tools)
    assert not caught.value.started
    assert manager.orders == []


async def test_twice_is_twice_asked() -> None:
    http = StandInHttp()
    await collect(with_hook(), http)
    await collect(with_hook(), http)
    assert len(http.asked) == 2


async def test_time_ends_it() -> None:
    class Silent(ScriptedManager):
        async def signal(self, tools: object, name: str) -> None:
            raise TimeoutError

    with pytest.raises(ActionTimedOut, match="no end within 60 s"):
        await collect(a_target(process=signalled(kind=Silent)))


@pytest.mark.parametrize(
    "target",
    [
        a_target(),
        a_target(base_url="http://127.0.0.1:1"),
        a_target(process=scripted()),
        a_target(process=scripted(), base_url="http://127.0.0.1:1"),
    ],
)
async def test_a_target_with_neither_is_refused_at_start_and_untouched(target: Target) -> None:
    assert "and the target has neither" in str(CollectGarbage().objection(target))
    with pytest.raises(ActionFailed, match="has neither") as caught:
        await collect(target)
    assert not caught.value.started


def test_its_promises() -> None:
    assert CollectGarbage().needs() is None
    assert not CollectGarbage().disruptive
    assert CollectGarbage().objection(with_hook()) is None
    assert CollectGarbage().objection(a_target(process=signalled())) is None
    blind = signalled(kind=BlindManager)
    assert "has a `status`" in str(CollectGarbage().objection(a_target(process=blind)))
