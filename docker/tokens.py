"""Makes the tokens on the first start, so that none is in the repository and none has to be invented by hand.

They live in a volume that the receiver reads, and of which Alertmanager, by its group, can read the webhook's alone.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

FOLDER = Path("/run/prunella")
MODES = {"webhook_token": 0o440, "operate_token": 0o400}


def main() -> None:
    """Writes what is missing. A token appears under its name only when it is complete."""
    for name, mode in MODES.items():
        if (FOLDER / name).exists():
            continue
        unfinished = FOLDER / f".{name}"
        unfinished.unlink(missing_ok=True)
        with os.fdopen(
            os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "w"
        ) as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        unfinished.rename(FOLDER / name)


if __name__ == "__main__":
    main()
