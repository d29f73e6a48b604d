"""What time alone brings about."""

from __future__ import annotations

from prunella.metrics import REGISTRY
from receiver.stages.upkeep import thaw
from tests.receiver.rig import CONFIG, Rig, firing, rig

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
