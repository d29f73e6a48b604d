"""Queue systems by their name under `system:`. A new one is a file beside this and a line here."""

from __future__ import annotations

from pydantic import SerializerFunctionWrapHandler, ValidationInfo

from receiver.queues.arq import Arq
from receiver.queues.base import QueueSystem
from receiver.queues.bullmq import BullMq
from receiver.queues.celery import Celery
from receiver.queues.postgres import PostgresQueue
from receiver.queues.rq import Rq
from receiver.registry import chosen_by_key, name_of

QUEUES: dict[str, type[QueueSystem]] = {
    "arq": Arq,
    "bullmq": BullMq,
    "celery": Celery,
    "postgres": PostgresQueue,
    "rq": Rq,
}


def parse_queue(value: object, info: ValidationInfo) -> QueueSystem:
    """The queues that `{system: bullmq, url: …, queues: […]}` means. Raises ValueError that lists the known systems."""
    if isinstance(value, QueueSystem):
        return value
    return chosen_by_key(QUEUES, "system", value, info.context)


def write_queue(value: QueueSystem, handler: SerializerFunctionWrapHandler) -> object:
    """The mapping that parse_queue() reads."""
    return {"system": name_of(QUEUES, value), **handler(value)}
