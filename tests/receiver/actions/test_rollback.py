"""A rollback looks first, touches second, believes the target only, and is never left half-way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.actions.base import ActionFailed, Done
from receiver.actions.rollback import Rollback
from receiver.decide.going_back import Step
from receiver.decide.release import ReleaseState, frozen
from receiver.tools import Tools
from tests.receiver.actions.effects import a_target, an_effect
from tests.receiver.actions.releases import (
    Host,
    KilledError,
    StandInLogbook,
    World,
    WorldManager,
    a_logbook,
    a_shop,
    an_effect_of,
)
from tests.receiver.stand_ins import StandInPrograms, SteppedClock, a_toolbox


def a_rollback(up_for: str = "2s", prove_within: str = "5s") -> Rollback:
    return Rollback.model_validate({"up_for": up_for, "prove_within": prove_within})


@dataclass
class Tale:
    """One rollback in a world, over as many lives as it takes."""

    world: World = field(default_factory=World)
    book: StandInLogbook = field(init=False)
    programs: StandInPrograms = field(default_factory=StandInPrograms)

    def __post_init__(self) -> None:
        self.book = a_logbook(self.world)

    async def run(self) -> Done:
        effect = an_effect_of(a_shop(self.world), self.book)
        return await a_rollback().run(effect, a_toolbox(programs=self.programs))

    async def refused(self, *, started: bool) -> str:
        with pytest.raises(ActionFailed) as caught:
            await self.run()
        assert caught.value.started is started
        assert not caught.value.unknown
        return str(caught.value)

    @property
    def step(self) -> Step:
        return self.book.book.rollbacks[-1].step

    def serve(self) -> list[str | None]:
        return [host.serves if host.up else None for host in self.world.hosts]


def a_tale(*hosts: Host, unreachable: bool = False) -> Tale:
    return Tale(World(list(hosts) or [Host()], unreachable=unreachable))


async def test_a_bad_release_that_is_half_up_is_gone_back_from() -> None:
    tale = a_tale(Host(divided=True))
    assert "went back from v2 to v1" in (await tale.run()).text


async def test_it_is_written_then_activated_then_reloaded_then_proven_then_written() -> None:
    tale = a_tale()
    done = await tale.run()
    assert "went back from v2 to v1" in done.text
    assert tale.world.touched == ["write going_back", "activate v1", "reload", "write rolled_back"]
    assert tale.world.did[:2] == ["look v1", "look v2"]
    assert tale.serve() == ["v1"]


async def test_what_it_runs_is_told_the_version() -> None:
    tale = a_tale()
    await tale.run()
    assert [ran.env["PRUNELLA_RELEASE"] for ran in tale.programs.ran] == ["v1"]


async def test_what_came_with_the_bad_version_is_noted() -> None:
    tale = a_tale()
    await tale.run()
    assert tale.book.book.rows[-1]["history"] == "what came between v1 and v2"


@pytest.mark.parametrize(
    ("host", "why"),
    [
        (Host(missing={"v1"}), "v1 is not there"),
        (Host(missing={"v2"}), "v2 is not there"),
        (Host(active="v9"), "v9 is active, but by the ledger it is v2"),
        (Host(serves="v9"), "by the ledger v2 serves, but it says v9"),
    ],
)
async def test_what_speaks_against_it_is_seen_before_anything_is_touched(
    host: Host, why: str
) -> None:
    tale = a_tale(host)
    assert why in await tale.refused(started=False)
    assert tale.world.touched == []
    assert tale.book.book.rollbacks == []


async def test_a_manager_that_does_not_answer_leaves_the_process_alone() -> None:
    tale = a_tale(unreachable=True)
    assert "does not answer" in await tale.refused(started=False)
    assert tale.world.touched == []


async def test_a_gate_that_shut_meanwhile_leaves_the_process_alone() -> None:
    tale = a_tale()
    tale.book.shut = "deploy_in_flight"
    assert "deploy_in_flight" in await tale.refused(started=False)
    assert tale.world.touched == []


async def test_a_release_that_crashes_is_left_although_it_says_nothing() -> None:
    tale = a_tale(Host(up=False, serves=None))
    await tale.run()
    assert tale.world.touched[1:3] == ["activate v1", "restart"]


async def test_an_order_that_is_taken_while_the_old_version_serves_has_failed() -> None:
    tale = a_tale(Host(ignored={"v1"}))
    said = await tale.refused(started=True)
    assert "v1 was activated, but it says v2" in said
    assert "v2 was put forward again and is proven" in said
    assert (tale.step, tale.world.hosts[0].active) == (Step.RESTORED, "v2")


async def test_a_version_that_comes_up_and_dies_has_failed() -> None:
    tale = a_tale(Host(crash={"v1"}))
    assert "is down" in await tale.refused(started=True)
    assert (tale.step, tale.serve()) == (Step.RESTORED, ["v2"])


async def test_what_could_not_be_activated_and_changed_nothing_never_began() -> None:
    tale = a_tale(Host(refuses={"v1"}))
    assert "cannot be activated" in await tale.refused(started=False)
    assert tale.step is Step.NOTHING_DONE
    assert frozen(tale.book.book.releases) is None
    assert tale.serve() == ["v2"]


async def test_what_was_activated_in_part_is_put_back() -> None:
    tale = a_tale(Host(half={"v1"}))
    assert "in part" in await tale.refused(started=True)
    assert tale.step is Step.RESTORED
    assert tale.world.touched[-3:] == ["activate v2", "reload", "write restored"]


async def test_when_neither_is_proven_both_are_left_and_nothing_more_is_tried() -> None:
    tale = a_tale(Host(crash={"v1", "v2"}))
    assert "nobody knows what serves" in await tale.refused(started=True)
    assert tale.step is Step.STUCK
    assert tale.world.touched.count("reload") + tale.world.touched.count("restart") == 2
    assert frozen(tale.book.book.releases) is not None
    await tale.refused(started=True)
    assert tale.world.touched.count("reload") + tale.world.touched.count("restart") == 2


async def test_where_a_reload_keeps_the_old_folder_the_process_is_restarted() -> None:
    class Signalled(WorldManager):
        """Reloads in place, as a unit with `ExecReload=` does."""

        reload_follows: ClassVar[bool] = False

        async def zero_downtime(self, tools: Tools) -> bool:
            return True

    tale = a_tale(Host())
    manager = Signalled()
    manager._world = tale.world
    shop = a_shop(tale.world).model_copy(update={"process": manager})
    await a_rollback().run(an_effect_of(shop, tale.book), a_toolbox(programs=tale.programs))
    assert tale.world.touched[1:3] == ["activate v1", "restart"]
    assert tale.serve() == ["v1"]


async def test_what_somebody_else_made_active_meanwhile_is_never_taken_away() -> None:
    tale = a_tale(Host(ignored={"v1", "v3"}))

    def deployed(what: str) -> bool:
        if what == "reload":  # as a deploy script does that knows of nobody
            tale.world.hosts[0].active = "v3"
        return False

    tale.world.dies_at = deployed
    said = await tale.refused(started=True)
    assert "v3 was made active by somebody else meanwhile, and is left as it is" in said
    assert (tale.step, tale.world.hosts[0].active) == (Step.STUCK, "v3")
    assert "activate v2" not in tale.world.did


async def test_what_somebody_deploys_before_the_first_touch_ends_it() -> None:
    tale = a_tale(Host())

    def deployed(what: str) -> bool:
        if what == "write going_back":
            tale.world.hosts[0].active = "v3"
        return False

    tale.world.dies_at = deployed
    assert "v3 was made active by somebody else" in await tale.refused(started=False)
    assert (tale.step, tale.world.hosts[0].active) == (Step.NOTHING_DONE, "v3")


async def test_one_machine_is_proven_before_the_next_is_touched() -> None:
    tale = a_tale(Host(), Host(), Host())
    await tale.run()
    moved = [one for one in tale.world.touched if one.startswith("activate")]
    assert moved == ["activate host0v1", "activate host1v1", "activate host2v1"]
    assert tale.serve() == ["v1", "v1", "v1"]


async def test_at_the_first_machine_that_fails_it_stops_and_all_that_moved_is_put_back() -> None:
    tale = a_tale(Host(), Host(crash={"v1"}), Host())
    assert "host1" in await tale.refused(started=True)
    moved = [one for one in tale.world.touched if one.startswith("activate")]
    assert moved == [
        "activate host0v1",
        "activate host1v1",
        "activate host1v2",
        "activate host0v2",
    ]
    assert tale.serve() == ["v2", "v2", "v2"]


async def test_one_machine_that_does_not_come_forward_again_keeps_no_other_from_it() -> None:
    tale = a_tale(Host(), Host(crash={"v1", "v2"}))
    assert "host1: " in await tale.refused(started=True)
    assert tale.step is Step.STUCK
    assert tale.serve() == ["v2", None]


async def test_a_second_machine_that_changed_nothing_is_no_excuse_for_the_first() -> None:
    tale = a_tale(Host(), Host(refuses={"v1"}))
    await tale.refused(started=True)
    assert (tale.step, tale.serve()) == (Step.RESTORED, ["v2", "v2"])


async def test_what_has_no_releases_never_begins() -> None:
    with pytest.raises(ActionFailed) as caught:
        await a_rollback().run(an_effect(a_target()), a_toolbox())
    assert not caught.value.started


async def test_half_of_the_time_is_for_putting_back() -> None:
    tale, clock = a_tale(Host(ignored={"v1"})), SteppedClock()
    slow, began = a_rollback("0s", "1h"), clock.now()
    effect = an_effect_of(a_shop(tale.world), tale.book, timeout=40.0)
    with pytest.raises(ActionFailed, match="v1 was activated, but it says v2"):
        await slow.run(effect, a_toolbox(clock=clock))
    assert tale.step is Step.RESTORED
    assert 20.0 <= clock.now() - began < 25.0


async def test_what_begins_to_say_it_at_the_last_moment_may_say_it_to_the_end() -> None:
    tale = a_tale(Host(late=9))
    await tale.run()
    assert tale.serve() == ["v1"]


async def test_what_hangs_is_given_up_in_time() -> None:
    tale = a_tale(Host(hangs={"v1"}))
    effect = an_effect_of(a_shop(tale.world), tale.book, timeout=3.0)
    with pytest.raises(ActionFailed, match=r"within 1\.5 s, half of the rung's `timeout`"):
        await a_rollback("0s").run(effect, a_toolbox())
    assert tale.step is Step.RESTORED


def killed_at(number: int) -> Callable[[str], bool]:
    """The receiver dies when so many things were done."""
    left = [number]

    def dies(_: str) -> bool:
        left[0] -= 1
        return left[0] == 0

    return dies


HOSTS: dict[str, Callable[[], list[Host]]] = {
    "good": lambda: [Host()],
    "crashing": lambda: [Host(crash={"v1"})],
    "stubborn": lambda: [Host(ignored={"v1"})],
    "three": lambda: [Host(), Host(), Host()],
    "the second fails": lambda: [Host(), Host(crash={"v1"}), Host()],
}


@given(st.sampled_from(sorted(HOSTS)), st.lists(st.integers(1, 14), max_size=3))
async def test_i4_wherever_it_is_killed_it_ends_on_one_version_everywhere(
    name: str, deaths: list[int]
) -> None:
    """Any number of lives, each killed after so many steps: one version serves at last, on all machines, proven."""
    tale = a_tale(*HOSTS[name]())
    for death in deaths:
        tale.world.dies_at = killed_at(death)
        try:
            await tale.run()
        except (KilledError, ActionFailed):
            continue
    tale.world.dies_at = lambda _: False
    good = name in {"good", "three"}
    if good:
        await tale.run()
    else:
        await tale.refused(started=True)
    assert tale.step is (Step.ROLLED_BACK if good else Step.RESTORED)
    assert set(tale.serve()) == {"v1" if good else "v2"}
    assert {host.active for host in tale.world.hosts} == {"v1" if good else "v2"}
    assert len(tale.book.book.rollbacks) == 1
    bad = tale.book.book.releases[1]
    assert (bad.state is ReleaseState.ROLLED_BACK) is good
