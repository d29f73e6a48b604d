"""Every queue system by its word in exporter.yml: a new one is one file and its line here."""

from exporter.queues.base import QueueEntry
from exporter.queues.bullmq import BullMqEntry

SYSTEMS: dict[str, type[QueueEntry]] = {
    "bullmq": BullMqEntry,
}
