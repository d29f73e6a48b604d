"""The facts that a notice has when it reaches a channel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from prunella.metrics import REGISTRY
from receiver.channels.pagerduty import PagerDuty
from receiver.decide.ledger import Deploy, finished
from receiver.stages import command
from receiver.stages.telling import Teller
from tests.receiver.channels.notices import a_notice
from tests.receiver.rig import CONFIG, firing, resolved, rig
from tests.receiver.stages.listening import listening, send

BOOK: dict[str, Any] = CONFIG["playbooks"][0]
ESCALATION = {"oncall": [{"after": "0m", "notify": ["ops"]}, {"after": "30m", "notify": ["ops"]}]}


async def test_a_healed_incident_says_what_was_tried_and_what_was_seen() -> None:
    async with rig(environment="production") as made:
        ops = listening(made)
        made.http.status = 500
        await made.deliver(firing())
        await made.wait(15)
        made.http.status = 200
        await made.wait(10)
        await made.deliver(resolved())
        await made.wait(3)
        await send(made)
        facts = ops.notices[-1].facts
        assert ops.events[-1] == "resolved"
        first, second = facts["Tried"].split("\n")
        assert first.startswith("run on shop: done → still broken (fail: ")
        assert "500" in first
        assert second == "run on shop: done → recovered"
        assert facts["Environment"] == "production"


async def test_whoever_is_called_reads_who_is_asked_and_who_is_next() -> None:
    books = [{**BOOK, "escalate": "oncall"}]
    async with rig(escalation=ESCALATION, playbooks=books) as made:
        ops = listening(made)
        await made.deliver(firing("unheard-of"))
        await made.settle()
        await send(made)
        facts = ops.notices[-1].facts
        assert facts["Asked"] == "ops: acknowledge, and look into it"
        assert facts["Next"].startswith("ops: called at ")


async def test_what_comes_late_says_what_is_so_by_now() -> None:
    async with rig() as made:
        await made.deliver(firing())
        await made.wait(10)
        ops = listening(made)
        await send(made)
        assert ops.events[0] == "opened"
        assert ops.notices[0].facts["Next"] == "it is closed when it has stayed well"


async def test_a_dashboard_link_has_the_time_of_the_incident_and_the_runbook_stays() -> None:
    links = {"runbook_url": "https://h/runbooks/X", "dashboard_url": "https://g/d/x"}
    async with rig() as made:
        ops = listening(made)
        await made.deliver(firing(annotations=links))
        await made.settle()
        await send(made)
        found = ops.notices[0].links
        assert found["Runbook"] == "https://h/runbooks/X"
        assert found["Dashboard"].startswith("https://g/d/x?from=17899")


WORDS = {
    "title": "{{ severity }}: {{ labels.team | default('nobody') }}",
    "text": "{{ event }} {{ facts.Target }}",
}
# right for the sample and wrong for what comes
BROKEN = {
    "title": "{{ title if labels.alertname == 'HighErrorRate' and incident == 1 and step == 'restart' else labels.team }}"
}


async def test_a_channel_speaks_in_its_operators_words() -> None:
    async with rig() as made:
        ops = listening(made, templates=WORDS)
        await made.deliver(firing(labels={"team": "web"}))
        await made.settle()
        await send(made)
        assert [(one.title, one.text) for one in ops.notices] == [
            ("critical: web", "opened shop"),
            ("critical: web", "acted shop"),
        ]


async def test_what_a_template_cannot_word_is_said_as_ever_and_counted() -> None:
    before = REGISTRY.get_sample_value("prunella_template_failures_total", {"channel": "ops"})
    async with rig() as made:
        ops = listening(made, templates=BROKEN)
        await made.deliver(firing())
        await made.settle()
        await send(made)
        assert ops.notices[0].title == "[firing] too many errors"
    after = REGISTRY.get_sample_value("prunella_template_failures_total", {"channel": "ops"})
    assert (after or 0) > (before or 0)


async def test_what_is_of_no_incident_has_no_facts() -> None:
    async with rig() as made:
        ops = listening(made, digest_above=1)
        await made.deliver(firing("a"), firing("b"))
        made.clock.at += 70
        await send(made)
        digest = next(one for one in ops.notices if one.event == "digest")
        assert digest.facts == {}


async def test_a_round_that_takes_long_tells_what_is_so_by_then() -> None:
    async with rig(mode="shadow") as made:
        await made.deliver(firing("a"), firing("b"))
        await made.settle()
        teller = Teller(made.context)
        await teller.look_up({1, 2, 0, -3})
        await command.acknowledge(2, "ann", made.context)
        channel, notice = made.settings.channels["ops"], replace(a_notice(), incident=2)
        early = await teller.complete(notice, channel)
        made.clock.at += 2
        late = await teller.complete(notice, channel)
        assert "acknowledge" in early.facts["Asked"]
        assert late.facts["Next"] == "nothing by itself: it ends with its alert"


async def test_labels_are_told_where_the_channel_does_not_show_them_by_itself() -> None:
    async with rig(mode="shadow") as made:
        await made.deliver(firing())
        await made.settle()
        teller, notice = Teller(made.context), replace(a_notice(), incident=1)
        await teller.look_up({1})
        told = await teller.complete(notice, made.settings.channels["ops"])
        assert told.facts["Labels"] == "alertname=HighErrorRate, service=shop"
        key = "0123456789abcdef0123456789abcdef"
        pager = PagerDuty.model_validate({"integration_key": key})
        assert "Labels" not in (await teller.complete(notice, pager)).facts


async def test_an_incident_soon_after_a_deploy_links_what_was_changed() -> None:
    version = {"url": "http://127.0.0.1:9/version", "json": "version"}
    forge = "https://forge.example/compare/{from}...{to}"
    facet = {"strategy": "symlink", "path": "/srv/shop", "version": version, "compare": forge}
    targets = {"shop": {**CONFIG["targets"]["shop"], "release": facet}}
    async with rig(targets=targets) as made:
        for number in (1, 2):
            at = made.clock.at - 9000 + 4000 * number
            deploy = Deploy("shop", f"v{number}", "ci", at)
            await made.journal.enter("shop", finished(deploy), at)
        ops = listening(made)
        await made.deliver(firing())
        await made.settle()
        await send(made)
        assert ops.notices[0].links["Diff"] == "https://forge.example/compare/v1...v2"
