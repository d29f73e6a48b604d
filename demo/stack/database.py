"""The shop's PostgreSQL: a cluster of its own, made on the first start, with a role for each who connects.

PostgreSQL does not run as root, so root has it run as Debian's `postgres`, in a folder that this user can reach.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from demo.stack.places import Places, StackError

OWNER = "postgres"
CONNECTIONS, RESERVED = 40, 3  # few, so that a demonstration can use them up
MADE = "roles_are_made"
# files of tokens, by role
PASSWORDS = {
    "shop": "shop_password",
    "prunella": "prunella_password",
    "keeper": "keeper_password",
}
_ROLES = """\
CREATE ROLE shop LOGIN PASSWORD '{shop}'
CREATE ROLE prunella LOGIN PASSWORD '{prunella}'
GRANT pg_signal_backend, pg_monitor TO prunella
CREATE ROLE keeper LOGIN CREATEDB PASSWORD '{keeper}'
GRANT pg_read_all_data, shop TO keeper
CREATE DATABASE shop OWNER shop
"""


def folder(places: Places) -> Path:
    """Where the cluster lives."""
    if os.geteuid() != 0:
        return places.folder / "postgres"
    name = hashlib.sha256(str(places.folder).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"prunella-{OWNER}-{name}"


def url_file(places: Places, role: str) -> Path:
    """The file that holds how that role connects."""
    return places.secrets / f"{role}_database_url"


def argv(places: Places, postgres: str) -> list[str]:
    """The server; it listens on loopback only."""
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": CONNECTIONS,
        "superuser_reserved_connections": RESERVED,
        "shared_buffers": "16MB",
        "fsync": "off",  # nobody will miss these orders
    }
    settings = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
    return [postgres, "-D", str(folder(places)), "-p", str(places.ports["postgres"]), *settings]


def runs_as() -> dict[str, str]:
    """supervisord's options that make it another's process where we are root."""
    return {"user": OWNER} if os.geteuid() == 0 else {}


def addresses(places: Places) -> dict[Path, str]:
    """The files of the URLs, which hold the passwords."""
    at = f"127.0.0.1:{places.ports['postgres']}/shop"
    return {
        url_file(places, role): f"postgresql://{role}:{word}@{at}\n"
        for role, word in _words(places).items()
    }


def make(places: Places, postgres: str) -> None:
    """The cluster with its roles, unless it is there. Raises StackError."""
    data, stamp = folder(places), _stamp(places)
    if _is_made(data, stamp):
        return
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(data, OWNER, OWNER)
    initdb = str(Path(postgres).with_name("initdb"))
    # no socket, and no password for the owner: nobody connects as that one
    _run([initdb, "-D", str(data), "-U", OWNER, "-N", "--auth-local=reject",
          "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C"], places)  # fmt: skip
    _run(
        [postgres, "--single", "-D", str(data), "postgres"], places, _ROLES.format(**_words(places))
    )
    (data / MADE).write_text(stamp)


def _words(places: Places) -> dict[str, str]:
    return {role: (places.secrets / name).read_text().strip() for role, name in PASSWORDS.items()}


def _stamp(places: Places) -> str:
    """Of the passwords: a folder of state that was removed and made anew has others than the cluster beside it."""
    return hashlib.sha256(repr(sorted(_words(places).items())).encode()).hexdigest()


def _is_made(data: Path, stamp: str) -> bool:
    """Whether an earlier start with these passwords came to the end; what somebody else has put there is refused."""
    if not data.exists():
        return False
    if os.geteuid() == 0 and (data.is_symlink() or data.owner() != OWNER):
        raise StackError(f"{data} belongs to somebody else than {OWNER}: remove it")
    return (data / MADE).exists() and (data / MADE).read_text() == stamp


def _run(argv: list[str], places: Places, words: str = "") -> None:
    """As the owner. What it is told is a secret, and on no command line."""
    owner = OWNER if os.geteuid() == 0 else None
    groups: list[str] | None = [] if owner else None
    with (places.logs / "postgres.log").open("ab") as log:
        done = subprocess.run(
            argv, input=words.encode(), stdout=log, stderr=log, cwd="/", check=False,
            user=owner, group=owner, extra_groups=groups,
        )  # fmt: skip
    if done.returncode:
        raise StackError(f"{Path(argv[0]).name} failed; see {places.logs / 'postgres.log'}")
