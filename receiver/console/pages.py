"""The registry of pages, in the order of the navigation. A page is a file, and a line here."""

from __future__ import annotations

from receiver.console.backups import BackupPage
from receiver.console.history import IncidentHistory
from receiver.console.incident import OneIncident
from receiver.console.journal import JournalPage
from receiver.console.now import Now
from receiver.console.page import Page
from receiver.console.playbooks import Playbooks
from receiver.console.releases import Releases
from receiver.console.runbooks import Runbooks
from receiver.console.targets import Targets

PAGES: tuple[type[Page], ...] = (
    *(Now, IncidentHistory, OneIncident, Playbooks, Releases, Targets, BackupPage, JournalPage),
    Runbooks,
)
