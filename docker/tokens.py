"""Makes the tokens and the databases' passwords on the first start, so that none is in the repository and none has to be invented by hand.

They live in volumes, each file readable by its owner, which the receiver and the shop run as, and by the group of who else needs it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

OWNER, EXPORTER, POSTGRES = 10001, 10002, 70  # groups, as in docker-compose.yml
TOKENS = Path("/run/prunella")
DATABASES = {  # folder: (server and database, who connects as which role)
    Path("/run/database"): ("postgres/shop", {"shop": OWNER, "prunella": EXPORTER}),
    Path("/run/journal"): ("journal/prunella", {"prunella": OWNER}),
}


def kept(path: Path, text: str, mode: int, group: int) -> str:
    """What the file holds; it is written when it is missing, and appears under its name only when it is complete."""
    if not path.exists():
        unfinished = path.with_name(f".{path.name}")
        unfinished.unlink(missing_ok=True)
        with os.fdopen(
            os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "w"
        ) as file:
            file.write(f"{text}\n")
        os.chown(unfinished, -1, group)
        unfinished.rename(path)
    return path.read_text().strip()


def main() -> None:
    """Writes what is missing."""
    kept(TOKENS / "operate_token", secrets.token_urlsafe(32), 0o400, OWNER)
    kept(TOKENS / "webhook_token", secrets.token_urlsafe(32), 0o440, OWNER)
    for folder, (database, roles) in DATABASES.items():
        kept(folder / "postgres_password", secrets.token_urlsafe(32), 0o440, POSTGRES)
        for role, reader in roles.items():
            word = kept(folder / f"{role}_password", secrets.token_urlsafe(32), 0o440, POSTGRES)
            kept(folder / f"{role}_url", f"postgresql://{role}:{word}@{database}", 0o440, reader)


if __name__ == "__main__":
    main()
