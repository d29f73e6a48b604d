from __future__ import annotations

from typing import Any

from prometheus_client import generate_latest

from prunella.metrics import REGISTRY
from receiver.metrics import VERDICTS
from receiver.settings import ReceiverSettings
from receiver.zeroes import begin_at_zero
from tests.receiver.rig import CONFIG


def named(name: str) -> ReceiverSettings:
    """The rig's config with a playbook and a channel that no other test has."""
    book: dict[str, Any] = {**CONFIG["playbooks"][0], "name": f"book-{name}"}
    channels = {f"channel-{name}": CONFIG["channels"]["ops"]}
    return ReceiverSettings.model_validate({**CONFIG, "playbooks": [book], "channels": channels})


def at_zero(series: str) -> bool:
    return f"{series} 0.0" in generate_latest(REGISTRY).decode().splitlines()


def test_every_result_of_every_rung_is_there_before_it_happens() -> None:
    begin_at_zero(named("rungs"))
    for result in ("ok", "failed", "timeout", "unknown", "cancelled"):
        labels = f'action="run",playbook="book-rungs",result="{result}"'
        assert at_zero(f"prunella_actions_total{{{labels}}}")


def test_every_verdict_of_a_playbook_is_there_before_it_is_reached() -> None:
    begin_at_zero(named("verdicts"))
    for verdict in ("recovered", "still_broken", "inconclusive"):
        labels = f'playbook="book-verdicts",verdict="{verdict}"'
        assert at_zero(f"prunella_verdicts_total{{{labels}}}")


def test_every_result_of_a_channel_is_there_before_a_message_is_sent() -> None:
    begin_at_zero(named("sent"))
    for result in ("ok", "retry", "unknown", "permanent", "gave_up"):
        labels = f'channel="channel-sent",result="{result}"'
        assert at_zero(f"prunella_notifications_total{{{labels}}}")


def test_what_is_counted_already_stays() -> None:
    begin_at_zero(named("again"))
    VERDICTS.labels("book-again", "recovered").inc()
    begin_at_zero(named("again"))
    line = 'prunella_verdicts_total{playbook="book-again",verdict="recovered"} 1.0'
    assert line in generate_latest(REGISTRY).decode().splitlines()
