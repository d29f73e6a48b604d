"""Every queue system keeps the promises of receiver/queues/base.py."""

from __future__ import annotations

import inspect
from collections.abc import Coroutine
from typing import Any

import pytest

from receiver.queues import QUEUES
from receiver.queues.base import Healed, QueueSystem
from receiver.stores.base import StoreError
from receiver.targets import Target
from tests.contracts.plugins import explains_itself, is_a_frozen_setting
from tests.receiver.stand_ins import StandInPrograms, a_toolbox
from tests.servers.ports import free_port

REDIS = {"url": f"redis://u:hunter2@127.0.0.1:{free_port()}/0", "queues": ["email"]}
OPTIONS: dict[str, dict[str, Any]] = {
    "arq": REDIS,
    "bullmq": {**REDIS, "prefix": "{shop}", "max_stalled": 2, "version": "6.7.0"},
    "celery": {**REDIS, "monitors": 1, "priority_steps": [0, 5]},
    "postgres": {
        "url": f"postgresql://u:hunter2@127.0.0.1:{free_port()}/d",
        "queues": ["email"],
        "table": {"name": "app.jobs", "queue": "queue"},
    },
    "rq": {**REDIS, "suspend_all": True},
}

every_system = pytest.mark.parametrize(("name", "kind"), QUEUES.items(), ids=QUEUES)


def test_each_has_an_example_here() -> None:
    assert OPTIONS.keys() == QUEUES.keys()


@every_system
def test_it_is_a_plugin_like_the_others(name: str, kind: type[QueueSystem]) -> None:
    is_a_frozen_setting(kind, OPTIONS[name])
    assert kind.__module__ == f"receiver.queues.{name}"
    explains_itself(kind)


@every_system
def test_it_says_what_it_needs_to_be_allowed(name: str, kind: type[QueueSystem]) -> None:
    assert any(word in (inspect.getdoc(kind) or "") for word in ("ACL SETUSER", "GRANT"))


@every_system
def test_its_password_is_shown_nowhere(name: str, kind: type[QueueSystem]) -> None:
    system = kind.model_validate(OPTIONS[name])
    assert "hunter2" not in repr(system) + str(system) + system.model_dump_json()


@every_system
def test_a_target_reads_it_by_its_name(name: str, kind: type[QueueSystem]) -> None:
    target = Target.model_validate({"name": "jobs", "queue": {"system": name, **OPTIONS[name]}})
    assert type(target.queue) is kind
    assert target.model_dump(mode="json")["queue"]["system"] == name
    assert "queue" in target.facets


@every_system
async def test_where_nobody_answers_it_raises_and_has_changed_nothing(
    name: str, kind: type[QueueSystem]
) -> None:
    system, programs = kind.model_validate(OPTIONS[name]), StandInPrograms()
    tools, healed = a_toolbox(programs=programs), Healed()
    asks: list[Coroutine[Any, Any, object]] = [
        system.look(tools, "email", 60),
        system.heal(tools, "email", 60, healed),
    ]
    if system.never_pauses is None:
        asks += [system.pause(tools, "email"), system.resume(tools, "email")]
    for ask in asks:
        with pytest.raises(StoreError) as caught:
            await ask
        assert (caught.value.started, caught.value.unknown) == (False, False)
        assert "hunter2" not in str(caught.value)
    assert (healed, programs.ran) == (Healed(), [])
