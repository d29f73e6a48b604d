"""The registry of pages, in the order of the navigation. A page is a file, and a line here."""

from __future__ import annotations

from receiver.console.incident import OneIncident
from receiver.console.now import Now
from receiver.console.page import Page
from receiver.console.runbooks import Runbooks

PAGES: tuple[type[Page], ...] = (Now, OneIncident, Runbooks)
