from __future__ import annotations

from receiver.decide.incident import State
from receiver.tools import OutsideError
from tests.receiver.rig import CONFIG, firing, resolved, rig


async def test_a_firing_alert_is_acted_on_and_closed_when_proven_and_over() -> None:
    async with rig() as made:
        await made.deliver(firing())
        await made.settle()
        assert made.programs.asked == [("/bin/true", "first")]
        await made.wait(5)
        assert (await made.incident()).state is State.HEALED_HOLD
        await made.deliver(resolved())
        await made.wait(3)
        assert (await made.incident()).state is State.RESOLVED


async def test_the_journal_tells_the_whole_story_in_order() -> None:
    async with rig() as made:
        await made.deliver(firing())
        await made.settle()
        await made.wait(5)
        await made.deliver(resolved())
        await made.wait(3)
        assert [row["ev"] for row in await made.events()] == [
            *("received", "opened", "intent", "outcome", "verdict", "received", "resolved")
        ]


async def test_intent_and_outcome_carry_the_same_action_id_step_and_target() -> None:
    async with rig() as made:
        await made.deliver(firing())
        await made.settle()
        intent, outcome = (await made.events("intent"))[0], (await made.events("outcome"))[0]
        shared = {"aid": intent["aid"], "step": "first", "kind": "run", "target": "shop"}
        assert shared.items() <= intent.items()
        assert {**shared, "result": "ok"}.items() <= outcome.items()


async def test_the_program_learns_who_runs_it_and_no_label() -> None:
    async with rig() as made:
        await made.deliver(firing(labels={"evil": "$(reboot)"}))
        await made.settle()
        environment = made.programs.environments[0]
        intent = (await made.events("intent"))[0]
        assert environment["PRUNELLA_ACTION_ID"] == intent["aid"]
        assert environment["PRUNELLA_EPISODE"] == f"fp-shop@{1789948800}"
        assert environment["PRUNELLA_TARGET"] == "shop"
        assert not any("reboot" in value for value in environment.values())


async def test_with_amx_env_the_program_learns_who_calls_us_by_which_name_and_the_group() -> None:
    book = CONFIG["playbooks"][0]
    ladder = [{"name": "first", "action": "run", "argv": ["/bin/true"], "amx_env": True}]
    async with rig(playbooks=[{**book, "ladder": ladder}]) as made:
        await made.deliver(firing(), receiver="prunella", externalURL="http://am:9093")
        await made.settle()
        told = made.programs.environments[0]
        assert (told["AMX_RECEIVER"], told["AMX_EXTERNAL_URL"]) == ("prunella", "http://am:9093")
        assert told["AMX_GLABEL_service"] == "shop"


async def test_what_did_not_help_is_followed_by_the_next_rung() -> None:
    async with rig() as made:
        made.http.status = 500
        await made.deliver(firing())
        await made.wait(14)
        assert made.programs.asked == [("/bin/true", "first"), ("/bin/true", "second")]
        assert (await made.events("verdict"))[0]["verdict"] == "still_broken"


async def test_i15_an_exhausted_ladder_ends_with_a_human() -> None:
    async with rig() as made:
        made.http.status = 500
        await made.deliver(firing())
        await made.wait(40)
        incident = await made.incident()
        assert (incident.state, str(incident.reason)) == (State.ESCALATED, "rungs_exhausted")
        assert len(made.programs.asked) == 2
        assert [row["reason"] for row in await made.events("escalated")] == ["rungs_exhausted"]


async def test_i15_a_program_that_ends_well_is_not_believed() -> None:
    async with rig() as made:
        made.http.status = 500
        await made.deliver(firing())
        await made.wait(3)
        assert (await made.incident()).state is State.VERIFYING


async def test_a_program_that_fails_leads_to_the_next_rung_at_once() -> None:
    async with rig() as made:
        made.programs.exit_code = 1
        await made.deliver(firing())
        await made.settle()
        assert [row["result"] for row in await made.events("outcome")] == ["failed", "failed"]
        assert (await made.incident()).state is State.ESCALATED


async def test_what_never_began_is_tried_once_more() -> None:
    async with rig() as made:
        made.programs.error = OutsideError("no such program", sent=False)
        await made.deliver(firing())
        await made.settle()
        intents = await made.events("intent")
        assert [row["step"] for row in intents] == ["first", "first", "second", "second"]
        assert len({row["aid"] for row in intents}) == 4


async def test_missing_data_is_a_human_and_never_the_next_rung() -> None:
    query = {"promql": {"query": "up", "op": "==", "value": 1}}
    verify = {"settle": "1s", "within": "6s", "every": "2s", "checks": [query]}
    books = [{**CONFIG["playbooks"][0], "verify": verify}]
    async with rig(playbooks=books) as made:
        made.prometheus.values = ()
        await made.deliver(firing())
        await made.wait(12)
        assert (await made.incident()).state is State.ESCALATED
        assert (await made.events("verdict"))[0]["verdict"] == "inconclusive"
        assert len(made.programs.asked) == 1


async def test_an_alert_may_stay_red_for_a_while_when_everything_else_is_well() -> None:
    checks = [{"http": {"path": "/health"}}, {"alert": "cleared"}]
    verify = {"settle": "1s", "within": "6s", "every": "2s", "decay": "30s", "checks": checks}
    books = [{**CONFIG["playbooks"][0], "verify": verify}]
    async with rig(playbooks=books) as made:
        await made.deliver(firing())
        await made.wait(20)
        assert (await made.incident()).state is State.DECAYING
        assert len(made.programs.asked) == 1
        await made.deliver(resolved())
        await made.wait(6)
        assert (await made.incident()).state is State.RESOLVED


async def test_an_alert_red_beyond_its_decay_is_not_healed() -> None:
    checks = [{"http": {"path": "/health"}}, {"alert": "cleared"}]
    verify = {"settle": "1s", "within": "6s", "every": "2s", "decay": "10s", "checks": checks}
    books = [{**CONFIG["playbooks"][0], "verify": verify}]
    async with rig(playbooks=books) as made:
        await made.deliver(firing())
        await made.wait(22)
        assert len(made.programs.asked) == 2


async def test_healed_is_held_before_the_incident_closes() -> None:
    verify = {**CONFIG["playbooks"][0]["verify"], "hold": "30s"}
    async with rig(playbooks=[{**CONFIG["playbooks"][0], "verify": verify}]) as made:
        await made.deliver(firing())
        await made.wait(5)
        await made.deliver(resolved())
        await made.wait(20)
        assert (await made.incident()).state is State.HEALED_HOLD
        await made.wait(20)
        assert (await made.incident()).state is State.RESOLVED


async def test_what_breaks_again_while_held_is_not_healed() -> None:
    verify = {**CONFIG["playbooks"][0]["verify"], "hold": "30s"}
    async with rig(playbooks=[{**CONFIG["playbooks"][0], "verify": verify}]) as made:
        await made.deliver(firing())
        await made.wait(5)
        made.http.status = 500
        await made.wait(4)
        assert made.programs.asked[-1] == ("/bin/true", "second")


async def test_an_alert_that_ends_before_its_hold_disturbs_nobody() -> None:
    async with rig(playbooks=[{**CONFIG["playbooks"][0], "for": "1m"}]) as made:
        await made.deliver(firing())
        await made.settle()
        assert (await made.incident()).state is State.HOLD
        await made.deliver(resolved())
        await made.settle()
        assert (await made.incident()).state is State.RESOLVED
        assert made.programs.asked == []


async def test_i13_what_is_held_says_so_at_once() -> None:
    async with rig(playbooks=[{**CONFIG["playbooks"][0], "for": "1m"}]) as made:
        await made.deliver(firing())
        await made.settle()
        assert [row["reason"] for row in await made.events("refused")] == ["holding"]


async def test_a_held_alert_is_acted_on_when_its_time_is_up() -> None:
    async with rig(playbooks=[{**CONFIG["playbooks"][0], "for": "1m"}]) as made:
        await made.deliver(firing())
        await made.wait(59)
        assert made.programs.asked == []
        await made.wait(3)
        assert len(made.programs.asked) == 1


async def test_a_rung_with_two_targets_acts_on_one_after_the_other() -> None:
    ladder = [{"name": "both", "action": "run", "argv": ["/bin/true"], "on": ["shop", "cache"]}]
    async with rig(playbooks=[{**CONFIG["playbooks"][0], "ladder": ladder}]) as made:
        await made.deliver(firing())
        await made.settle()
        assert [row["target"] for row in await made.events("intent")] == ["shop", "cache"]


async def test_repeats_change_nothing() -> None:
    async with rig() as made:
        first = await made.deliver(firing())
        again = await made.deliver(firing(), firing())
        await made.settle()
        assert (first.new, again.new, again.repeated) == (1, 0, 2)
        assert len(made.programs.asked) == 1
        assert len(await made.events("received")) == 1
