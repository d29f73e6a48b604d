from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic import ValidationError

from receiver.actions.base import ActionFailed
from receiver.actions.kill_long_queries import KillLongQueries
from receiver.actions.terminate_connections import TerminateConnections
from receiver.targets import Target
from tests.receiver.actions.effects import an_effect
from tests.receiver.actions.postgres_targets import AWAY, a_database
from tests.receiver.stand_ins import a_toolbox
from tests.receiver.stores.postgres_world import DEAF, HurriedClock, World, real_tools

KINDS = pytest.mark.parametrize("kind", [TerminateConnections, KillLongQueries])
Kind = type[TerminateConnections] | type[KillLongQueries]
HOSTILE = {"alertname": "'; DROP ROLE app; --", "usename": "boss", "pid": "1"}


def terminate(**options: Any) -> TerminateConnections:
    return TerminateConnections.model_validate(options)


@pytest.mark.parametrize(
    "options",
    [
        *({"states": []}, {"states": ["all"]}, {"states": ["disabled"]}, {"states": "idle"}),
        *({"older_than": "0"}, {"older_than": "999ms"}, {"older_than": 300}),
        *({"users": []}, {"users": ["%"]}, {"users": [""]}, {"databases": ["postgres"]}),
    ],
)
def test_options_that_would_match_too_much_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        terminate(**options)


@pytest.mark.parametrize("options", [{"longer_than": "0"}, {"longer_than": "900ms"}, {"users": []}])
def test_a_query_that_has_just_begun_is_not_long(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        KillLongQueries.model_validate(options)


def test_what_is_meant_unless_it_is_said() -> None:
    action = terminate()
    assert (action.states, action.older_than, action.users) == (
        ("idle in transaction",),
        300.0,
        None,
    )
    assert (KillLongQueries().longer_than, KillLongQueries().terminate) == (60.0, False)


@KINDS
def test_its_promises(kind: Kind) -> None:
    assert kind().needs() == "postgres"
    assert kind().idempotent
    assert kind.disruptive
    assert kind().executables(a_database()) == ()


@KINDS
@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Target(name="api"), "it has no postgres facet"),
        (a_database(), "its postgres facet names no `users:`"),
        (a_database(users=["app"]), "boss is none of its postgres.users: app"),
    ],
)
async def test_only_the_facets_own_users_are_ever_touched(
    kind: Kind, target: Target, said: str
) -> None:
    action = kind(users=("boss",))
    assert said in (action.objection(target) or "")
    with pytest.raises(ActionFailed, match=said) as caught:
        await action.run(an_effect(target), a_toolbox())
    assert not caught.value.started
    assert kind(users=("app",)).objection(a_database(users=["app", "jobs"])) is None


@KINDS
async def test_where_nobody_is_at_home_it_never_began(kind: Kind) -> None:
    effect = an_effect(a_database(AWAY, users=["app"]), labels=HOSTILE)
    with pytest.raises(
        ActionFailed, match=r"postgresql://127\.0\.0\.1:1/shop: cannot be"
    ) as caught:
        await kind().run(effect, real_tools())
    assert not caught.value.started
    assert "c4nary" not in str(caught.value)


@pytest.mark.server
async def test_it_says_in_numbers_whom_it_has_ended(world: World) -> None:
    stuck = [await world.in_transaction() for _ in range(3)]
    fresh = await world.idle()
    await world.aged()
    effect = an_effect(a_database(world.url(), users=["app", "jobs"]), labels=HOSTILE)
    done = await terminate(older_than="1s").run(effect, real_tools())
    assert done.counts == {"terminated": 3}
    assert done.text == (
        "terminated 3 of 4 sessions of app, jobs (idle in transaction for more than 1 s)"
    )
    assert await world.alive(*stuck, fresh) == [False, False, False, True]
    again = await terminate(older_than="1s").run(effect, real_tools())
    assert again.counts == {"terminated": 0}
    assert again.text.startswith("terminated 0 of 1 sessions of app, jobs")


@pytest.mark.server
async def test_a_server_that_hangs_ends_no_later_than_the_rungs_timeout(world: World) -> None:
    effect = an_effect(a_database(world.url(), users=["app"]), timeout=0.5)
    world.server.hang()
    try:
        began = time.monotonic()
        with pytest.raises(ActionFailed, match=r"no end within 0\.5 s"):
            await terminate().run(effect, real_tools())
        assert time.monotonic() - began < 3.0
    finally:
        world.server.wake()


@pytest.mark.server
async def test_queries_are_counted_and_one_that_does_not_listen_is_a_failure(world: World) -> None:
    long, deaf = await world.active(), await world.active("jobs", sql=DEAF)
    await world.aged()
    effect = an_effect(a_database(world.url(), users=["app", "jobs"]))
    tools = real_tools(clock=HurriedClock())
    kill = KillLongQueries.model_validate({"longer_than": "1s"})
    with pytest.raises(ActionFailed, match=r"cancelled 1 of 2 .*; 1 did not end when") as caught:
        await kill.run(effect, tools)
    assert caught.value.started
    assert await world.states(long, deaf) == ["idle", "active"]
    done = await kill.model_copy(update={"terminate": True}).run(effect, tools)
    assert done.counts == {"cancelled": 0, "terminated": 1}
    assert await world.alive(long, deaf) == [True, False]
