from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import JsonValue, ValidationError

from receiver.actions.base import ActionFailed
from receiver.actions.pause_queue import PauseQueue
from receiver.queues.base import QueueLook, QueueSystem
from receiver.targets import Target
from receiver.tools import OutsideError, Tools
from tests.receiver.actions.effects import an_effect
from tests.receiver.stand_ins import a_toolbox

TOLD: list[str] = []


class ToldQueues(QueueSystem):
    """Remembers what it is told; `already` are paused from the beginning."""

    already: tuple[str, ...] = ()

    async def look(self, tools: Tools, queue: str, stuck_after: float) -> QueueLook:
        return QueueLook(0, 0, 0, paused=queue in self.already)

    async def pause(self, tools: Tools, queue: str) -> bool:
        TOLD.append(f"pause {queue}")
        return queue not in self.already

    async def resume(self, tools: Tools, queue: str) -> bool:
        TOLD.append(f"resume {queue}")
        return queue in self.already


@dataclass
class Promises:
    """What is to be done later."""

    kept: list[tuple[float, str, Mapping[str, JsonValue]]] = field(default_factory=list)
    broken: bool = False

    async def __call__(self, seconds: float, action: str, options: Mapping[str, JsonValue]) -> None:
        if self.broken:
            raise OutsideError("no journal", sent=False)
        assert TOLD == []  # what is promised is promised before anything is done
        self.kept.append((seconds, action, options))


async def pause(promises: Promises, *already: str, **options: Any) -> str:
    TOLD.clear()
    target = Target(name="jobs", queue=ToldQueues(queues=("email", "pdf"), already=already))
    tools = replace(a_toolbox(), later=promises)
    return (await PauseQueue.model_validate(options).run(an_effect(target), tools)).text


async def test_all_queues_of_the_facet_are_paused_or_those_that_are_named() -> None:
    assert await pause(Promises()) == "paused email, pdf"
    assert await pause(Promises(), queues=["pdf"]) == "paused pdf"
    assert TOLD == ["pause pdf"]


async def test_to_go_on_later_is_promised_before_anything_is_paused() -> None:
    promises = Promises()
    assert await pause(promises, resume_after="10m") == "paused email, pdf; to go on in 600 s"
    assert promises.kept == [(600, "pause_queue", {"queues": ["email", "pdf"], "resume": True})]


async def test_what_somebody_else_has_paused_is_not_resumed_by_us() -> None:
    promises = Promises()
    said = await pause(promises, "pdf", resume_after="10m")
    assert said == "paused email; pdf was so already; to go on in 600 s"
    assert promises.kept[0][2]["queues"] == ["email"]


async def test_where_all_was_paused_already_nothing_is_promised() -> None:
    promises = Promises()
    assert await pause(promises, "email", "pdf", resume_after="10m") == "email, pdf were so already"
    assert promises.kept == []


async def test_what_cannot_be_promised_is_not_begun() -> None:
    with pytest.raises(ActionFailed, match="not paused: no journal") as caught:
        await pause(Promises(broken=True), resume_after="10m")
    assert (caught.value.started, TOLD) == (False, [])


async def test_resuming_says_what_was_not_paused() -> None:
    assert await pause(Promises(), "pdf", resume=True) == "resumed pdf; email was so already"


def test_what_it_promises_is_an_action_that_can_be_built() -> None:
    assert PauseQueue.model_validate({"queues": ["email"], "resume": True}).resume


@pytest.mark.parametrize(
    "options",
    [{"resume": True, "resume_after": "5m"}, {"resume_after": "0"}, {"queues": []}],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PauseQueue.model_validate(options)
