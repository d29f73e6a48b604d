"""Every collector by the key that switches it on in exporter.yml: a new one is one file and its line here."""

from typing import Any

from exporter.collectors.backups import BACKUPS
from exporter.collectors.base import Kind
from exporter.collectors.endpoints import ENDPOINTS
from exporter.collectors.host import HOST
from exporter.collectors.pgbouncer import PGBOUNCER
from exporter.collectors.postgres_server import POSTGRES
from exporter.collectors.processes import PROCESSES
from exporter.collectors.queues import QUEUES
from exporter.collectors.redis_server import REDIS
from exporter.collectors.releases import RELEASES
from exporter.intake.collector import INTAKE

COLLECTORS: dict[str, Kind[Any]] = {
    "host": HOST,
    "processes": PROCESSES,
    "endpoints": ENDPOINTS,
    "redis": REDIS,
    "postgres": POSTGRES,
    "pgbouncer": PGBOUNCER,
    "queues": QUEUES,
    "backups": BACKUPS,
    "releases": RELEASES,
    "intake": INTAKE,
}
