"""Every queue system by its word in exporter.yml: a new one is one file and its line here."""

from exporter.queues.arq import ArqEntry
from exporter.queues.base import QueueEntry
from exporter.queues.bullmq import BullMqEntry
from exporter.queues.celery import CeleryEntry
from exporter.queues.rq import RqEntry
from exporter.queues.tables import TableEntry

SYSTEMS: dict[str, type[QueueEntry]] = {
    "bullmq": BullMqEntry,
    "celery": CeleryEntry,
    "rq": RqEntry,
    "arq": ArqEntry,
    "postgres": TableEntry,
}
