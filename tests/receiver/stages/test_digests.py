"""What 10,000 incidents of hostile names come to: few messages, short ones, no faster than the service takes them."""

from __future__ import annotations

from tests.receiver.rig import Rig, firing, rig
from tests.receiver.stages.listening import listening, pass_time

NASTY = (
    "<!channel> @everyone <b>&amp;</b> [x](javascript:alert(1)) `" + "\u202e\x1b[31m" + "🌱" * 400
)


async def a_storm(made: Rig, alerts: int) -> None:
    """So many incidents over ten minutes."""
    every, senders = alerts // 20, ("ops",)
    for batch in range(20):
        numbers = range(batch * every, (batch + 1) * every)
        await made.deliver(
            *(firing(f"s{n}", annotations={"summary": f"{n} {NASTY}"}) for n in numbers)
        )
        await pass_time(made, 30, *senders, step=5)


async def test_ten_thousand_incidents_are_a_handful_of_messages_in_which_all_are_counted() -> None:
    async with rig() as made:
        ops = listening(made, rate="20/1m")
        await a_storm(made, 10_000)
        await pass_time(made, 180, step=5)
        digests = [one for one in ops.notices if one.event == "digest"]
        assert len(ops.notices) <= 10 + len(digests) + 12
        assert 9 <= len(digests) <= 13
        (page,) = [one for one in ops.notices if one.event == "escalated" and not one.incident]
        counted = sum(int(one.title.split()[1]) for one in (page, *digests))
        assert counted + len(ops.notices) - len(digests) - 1 >= 20_000
        assert all(sum(at <= one < at + 60 for one in ops.times) <= 20 for at in ops.times)
        assert max(len(one.text) + len(one.title) for one in (page, *digests)) < 4000
