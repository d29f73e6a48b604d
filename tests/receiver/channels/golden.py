"""What a channel sends, kept as a file beside the tests: a change of words or layout is seen, and looked at.

`PRUNELLA_WRITE_GOLDEN=1` writes the files anew; the diff is then reviewed like any other.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "golden" / "channels"


def is_golden(name: str, sent: object) -> None:
    """Fails unless `sent` is what the file holds."""
    file = FOLDER / f"{name}.json"
    text = json.dumps(sent, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("PRUNELLA_WRITE_GOLDEN"):
        file.write_text(text)
    assert text == file.read_text(), f"{file.name} says something else"
