"""Where the processes of an entry are looked up: one file for each kind, and its line here."""

from exporter.collectors.process_sources.base import Entry
from exporter.collectors.process_sources.docker import DockerEntry
from exporter.collectors.process_sources.matched import MatchedEntry
from exporter.collectors.process_sources.pm2 import Pm2Entry
from exporter.collectors.process_sources.supervisor import SupervisorEntry
from exporter.collectors.process_sources.systemd import SystemdEntry

SOURCES: dict[str, type[Entry]] = {
    "pm2": Pm2Entry,
    "systemd": SystemdEntry,
    "supervisor": SupervisorEntry,
    "docker": DockerEntry,
    "match": MatchedEntry,
}
