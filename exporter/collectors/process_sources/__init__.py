"""Where the processes of an entry are looked up: one file for each kind, and its line here."""

from exporter.collectors.process_sources.base import Entry
from exporter.collectors.process_sources.matched import MatchedEntry
from exporter.collectors.process_sources.pm2 import Pm2Entry
from exporter.collectors.process_sources.supervisor import SupervisorEntry

SOURCES: dict[str, type[Entry]] = {
    "pm2": Pm2Entry,
    "supervisor": SupervisorEntry,
    "match": MatchedEntry,
}
