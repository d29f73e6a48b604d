from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from demo.deploy import rollout
from demo.drill.__main__ import chosen, main
from demo.drill.drills import DRILLS, Drill
from demo.drill.loop import Loop
from demo.drill.run import NoHealError, calm, run
from demo.drill.show import Show
from demo.drill.story import Stage, stages
from demo.releases.versions import VERSIONS
from demo.shop.faults import parse
from demo.stack.places import PORTS, Places
from tests.demo.stand_ins import ScriptedLoop, SteppedClock
from tests.prometheus.bundle import alerts

ERRORS, RELEASE, SCHEMA = DRILLS["errors"], DRILLS["release"], DRILLS["release-schema"]


def row(t: float, ev: str, **data: Any) -> dict[str, Any]:
    return {"t": t, "ev": ev, "incident": 7, **data}


HEAL = [
    row(2.0, "opened"),
    row(2.1, "intent", kind="restart", target="shop"),
    row(6.0, "outcome", result="ok", reason="done"),
    row(15.0, "verdict", verdict="recovered"),
    row(50.0, "resolved", reason="recovered"),
]


GOES_BACK = [
    *HEAL[:3],
    row(26.0, "verdict", verdict="still_broken"),
    row(26.1, "intent", kind="rollback", target="shop"),
    row(33.0, "outcome", kind="rollback", result="ok", detail="went back to 1.0.0; deploys wait"),
    row(45.0, "verdict", verdict="recovered"),
    row(90.0, "resolved", reason="recovered"),
]


async def seen(loop: ScriptedLoop, drill: Drill = ERRORS) -> list[tuple[float, str]]:
    """Seconds and names of the stages, also of a drill that fails."""
    found: list[Stage] = []
    try:
        async for stage in run(drill, loop, loop.clock):
            found.append(stage)  # noqa: PERF401 - what was seen before an error counts as well
    except NoHealError:
        pass
    return [(round(stage.at - found[0].at, 1), stage.name) for stage in found]


async def test_a_heal_is_shown_stage_by_stage() -> None:
    assert await seen(ScriptedLoop(SteppedClock(), HEAL)) == [
        (0.0, "broken"),
        (1.0, "firing"),
        (2.0, "received"),
        (2.1, "action"),
        (15.0, "verified"),
        (50.0, "resolved"),
    ]


async def test_a_line_names_the_alert_the_playbook_and_the_action() -> None:
    loop = ScriptedLoop(SteppedClock(), HEAL)
    details = [stage.detail async for stage in run(ERRORS, loop, loop.clock)]
    assert details[1:4] == [
        'HighErrorRate {service="shop"}',
        "incident 7, playbook errors",
        "restart on shop",
    ]


async def test_the_shop_is_broken_as_the_drill_says() -> None:
    loop = ScriptedLoop(SteppedClock(), HEAL)
    await seen(loop)
    assert loop.faults == [{"kind": "errors"}]


async def test_a_bad_release_is_deployed_and_its_rollback_shown_and_proven() -> None:
    loop = ScriptedLoop(SteppedClock(), GOES_BACK)
    assert await seen(loop, RELEASE) == [
        (0.0, "broken"),
        (1.0, "firing"),
        (2.0, "received"),
        (2.1, "action"),
        (26.0, "ineffective"),
        (26.1, "rollback"),
        (33.0, "proven"),
        (45.0, "verified"),
        (90.0, "resolved"),
    ]
    assert (loop.deployed, loop.faults) == (["1.2.0-errors.2"], [])


async def test_what_is_proven_is_said() -> None:
    loop = ScriptedLoop(SteppedClock(), GOES_BACK)
    details = {stage.name: stage.detail async for stage in run(RELEASE, loop, loop.clock)}
    assert details["broken"].startswith("1.2.0-errors.2: ")
    assert details["rollback"] == "shop goes back to its last known good release"
    assert details["proven"] == "went back to 1.0.0"


async def test_a_drill_that_is_about_a_human_says_yes_once_when_it_is_asked() -> None:
    rows = [
        *GOES_BACK[:4],
        row(26.02, "refused", reason="schema_incompatible"),
        row(26.05, "approved", by="you"),
        *GOES_BACK[4:],
    ]
    loop = ScriptedLoop(SteppedClock(), rows, state="AWAITING_APPROVAL")
    names = [name for _, name in await seen(loop, SCHEMA)]
    assert names[5:7] == ["refused", "approved"]
    assert loop.approved == [7]


async def test_no_other_drill_says_yes() -> None:
    loop = ScriptedLoop(SteppedClock(), GOES_BACK, state="AWAITING_APPROVAL")
    await seen(loop, RELEASE)
    assert loop.approved == []


async def test_who_is_asked_is_told_how_to_say_yes() -> None:
    rows = [HEAL[0], row(2.0, "refused", reason="approval_required", target="shop"), *HEAL[1:]]
    loop = ScriptedLoop(SteppedClock(), rows)
    details = {stage.name: stage.detail async for stage in run(ERRORS, loop, loop.clock)}
    assert details["refused"] == "approval_required: `prunella approve 7` lets it go on"


async def test_an_incident_from_before_is_not_taken_for_this_one() -> None:
    loop = ScriptedLoop(SteppedClock(), HEAL, before=[{"id": 3, "state": "RESOLVED"}])
    assert (50.0, "resolved") in await seen(loop)


async def test_a_receiver_that_is_away_for_a_while_loses_no_stage() -> None:
    names = [name for _, name in await seen(ScriptedLoop(SteppedClock(), HEAL, mute_until=20.0))]
    assert names == ["broken", "firing", "received", "action", "verified", "resolved"]


async def test_a_refusal_is_shown_and_waited_out() -> None:
    rows = [HEAL[0], row(2.0, "refused", reason="cooldown", target="shop"), *HEAL[1:]]
    assert (2.0, "refused") in await seen(ScriptedLoop(SteppedClock(), rows))


async def test_an_escalation_ends_the_drill_with_its_reason() -> None:
    rows = [*HEAL[:2], row(3.0, "escalated", reason="rungs_exhausted")]
    loop = ScriptedLoop(SteppedClock(), rows)
    with pytest.raises(NoHealError, match="a human is called: rungs_exhausted"):
        [stage async for stage in run(ERRORS, loop, loop.clock)]


async def test_at_the_deadline_it_says_how_far_things_have_come() -> None:
    loop = ScriptedLoop(SteppedClock(), HEAL[:2])
    with pytest.raises(NoHealError, match=r"within 180 s.*'action'.*HighErrorRate firing"):
        [stage async for stage in run(ERRORS, loop, loop.clock)]


async def test_an_alert_that_the_drill_is_not_about_is_no_stage() -> None:
    assert await seen(ScriptedLoop(SteppedClock(), HEAL, alert="RedisDown")) == [(0.0, "broken")]


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ({"well": False}, "the shop is broken already"),
        ({"before": [{"id": 3, "state": "ESCALATED"}]}, "incident 3 is ESCALATED from before"),
        ({"figures": 0.0}, "no figures of the shop yet"),
        ({"broken_at": 0.0, "fires": 9e9}, "HighErrorRate is pending from before"),
    ],
)
async def test_it_begins_in_a_calm_stack_only(trouble: dict[str, Any], says: str) -> None:
    loop, said = ScriptedLoop(SteppedClock(), **trouble), list[str]()
    with pytest.raises(NoHealError, match=says):
        await calm(ERRORS, loop, loop.clock, said.append)
    assert said == [f"waiting: {said[0].removeprefix('waiting: ')}"]  # told once, not each second


async def test_a_burnt_budget_of_the_drill_before_is_no_unrest(tmp_path: Path) -> None:
    def alert(name: str, **labels: str) -> dict[str, object]:
        return {"labels": {"alertname": name, "service": "shop", **labels}, "state": "pending"}

    listed = [
        alert("ErrorBudgetBurn", severity="critical", action="none"),
        alert("HighErrorRate", severity="warning", action="none"),
        alert("HighErrorRate", severity="critical", action="errors"),
    ]

    async def alerts(_: web.Request) -> web.Response:
        return web.json_response({"status": "success", "data": {"alerts": listed}})

    app = web.Application()
    app.router.add_get("/api/v1/alerts", alerts)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        places = Places({**dict.fromkeys(PORTS, 1), "prometheus": server.port or 0}, tmp_path)
        places.secrets.mkdir(parents=True)
        (places.secrets / "operate_token").write_text("token")
        async with rollout(places) as shop:
            (one,) = await Loop(session, places, "token", shop).alerts("shop")
    assert one["labels"]["alertname"] == "HighErrorRate"
    assert one["labels"]["severity"] == "critical"


def test_what_did_not_help_is_a_stage_with_what_was_seen() -> None:
    rows = [
        row(1, "outcome", result="timeout", reason="timeout"),
        row(2, "verdict", verdict="still_broken", seen=["fail: 500"]),
        row(3, "acknowledged", by="ann"),
    ]
    assert [(stage.name, stage.detail) for stage in stages({"id": 7, "timeline": rows})] == [
        ("failed", "timeout: timeout"),
        ("ineffective", "still_broken; fail: 500"),
    ]


@pytest.mark.parametrize("drill", DRILLS.values(), ids=DRILLS)
def test_a_drill_waits_for_bundled_critical_alerts_and_turns_a_switch_that_exists(
    drill: Any,
) -> None:
    critical = {rule["alert"] for rule in alerts() if rule["labels"]["severity"] == "critical"}
    assert set(drill.alerts) <= critical
    assert bool(drill.fault) is not bool(drill.release)
    if drill.fault:
        parse(json.dumps(drill.fault))
    else:
        assert VERSIONS[drill.release].flaw


def shown(*, as_json: bool) -> list[str]:
    out = io.StringIO()
    show = Show(out, {}, as_json=as_json)
    show.stage(Stage(100.0, "broken", "all of it"))
    show.stage(Stage(112.34, "firing", "HighErrorRate"))
    show.end(healed=True, why="healed")
    return out.getvalue().splitlines()


def test_a_line_a_stage_with_the_seconds_since_the_break() -> None:
    assert shown(as_json=False) == [
        "   +0.0s  broken       all of it",
        "  +12.3s  firing       HighErrorRate",
        "healed",
    ]


def test_for_a_program_every_line_is_json() -> None:
    assert [json.loads(line) for line in shown(as_json=True)] == [
        {"t": 0.0, "stage": "broken", "detail": "all of it"},
        {"t": 12.34, "stage": "firing", "detail": "HighErrorRate"},
        {"healed": True, "why": "healed"},
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_a_terminal_that_wants_them(
    environ: dict[str, str], coloured: bool
) -> None:
    out = Terminal()
    Show(out, environ, as_json=False).stage(Stage(0, "broken"))
    assert ("\x1b[" in out.getvalue()) is coloured


def test_what_is_usual_is_what_a_restart_mends_and_what_it_does_not() -> None:
    assert [drill.name for drill in chosen(None)] == ["errors", "release"]
    assert chosen("all") == tuple(DRILLS.values())
    assert [drill.name for drill in chosen("hang")] == ["hang"]


def test_without_a_stack_it_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([], {"PRUNELLA_STACK": str(tmp_path)}) == 2
    assert "make up" in capsys.readouterr().err


def test_a_stage_knows_the_incident_that_it_is_about() -> None:
    told = stages({"id": 7, "playbook": "errors", "timeline": HEAL})
    assert {stage.incident for stage in told} == {7}
