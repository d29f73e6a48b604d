from __future__ import annotations

from receiver.decide.incident import State
from receiver.stages.plan import watch
from tests.receiver.rig import firing, resolved, rig

AGAIN = {"startsAt": "2026-09-21T00:11:00Z"}


async def test_i7_what_fires_again_while_it_is_proven_to_be_over_is_not_closed_with_it() -> None:
    async with rig() as made:
        await made.deliver(firing())
        await made.wait(5)
        assert (await made.incident()).state is State.HEALED_HOLD

        async def back() -> None:
            made.prometheus.values = (1.0,)

        async def over_and_back() -> None:
            await made.deliver(resolved())
            await made.deliver(firing(**AGAIN))
            made.prometheus.values, made.prometheus.meanwhile = (), back

        made.prometheus.meanwhile = over_and_back
        await made.wait(4)
        assert (await made.incident()).state is State.HEALED_HOLD
        assert [alert.starts_at for alert in await made.journal.open_alerts()] == [1789949460.0]
        assert await made.events("resolved") == []


async def test_i7_what_fires_again_after_it_was_taken_as_over_is_not_closed() -> None:
    async with rig(mode="shadow") as made:
        await made.deliver(firing())
        await made.settle()
        await made.deliver(resolved())
        (claim,) = await made.journal.claim("test", made.clock.now(), 15.0, 9)
        assert not claim.firing
        await made.deliver(firing(**AGAIN))
        assert await watch(claim, made.context) is None
        await made.settle()
        assert (await made.incident()).state is State.SHADOW
        assert await made.events("resolved") == []
