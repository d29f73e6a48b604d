"""Where the runbook of an alert is: the address that the alert itself names, else the page that we serve, if there is one.

The operator's own folder is asked first, then what comes with Prunella.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_ALERT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_PACKAGE = Path(__file__).parent.parent
# beside the program when it is installed, among the documents when it runs from its sources
BUNDLED = (_PACKAGE / "runbooks", _PACKAGE.parent / "docs" / "runbooks")


def folders(own: Path | None) -> tuple[Path, ...]:
    """In the order in which they are asked."""
    return BUNDLED if own is None else (own, *BUNDLED)


def is_alert(name: str) -> bool:
    """Whether it can be the name of an alert, and so of a file."""
    return _ALERT.fullmatch(name) is not None


def runbook_file(alert: str, own: Path | None) -> Path | None:
    """The file that is shown for it."""
    if not is_alert(alert):
        return None
    files = (folder / f"{alert}.md" for folder in folders(own))
    return next((file for file in files if file.is_file()), None)


def runbook_link(
    labels: Mapping[str, str], annotations: Mapping[str, str], own: Path | None, base: str | None
) -> str | None:
    """What to open; `base` is where we are reached from outside, None where nobody said so."""
    said = annotations.get("runbook_url", "")
    if said.startswith(("http://", "https://")):
        return said
    alert = labels.get("alertname", "")
    if base is None or runbook_file(alert, own) is None:
        return None
    return f"{base}/runbooks/{alert}"
