"""age around a backup: only who holds an identity can read it, and a drill is one of those.

The library works on files in a thread of its own making, so that a dump of any size costs no memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from receiver.backups.base import BackupError
from receiver.backups.facet import BackupFacet
from receiver.backups.files import make_private, remove
from receiver.backups.optional import library
from receiver.decide.backups import AGE, PARTIAL


def encrypt(plain: Path, cipher: Path, recipients: Sequence[str]) -> None:
    """Writes it for those recipients, and takes the plain one away. Raises BackupError."""
    age = library("pyrage")
    make_private(cipher)
    try:
        to = [age.x25519.Recipient.from_str(one) for one in recipients]
        with plain.open("rb") as read, cipher.open("wb") as written:
            age.encrypt_io(read, written, to)
    except (age.RecipientError, age.EncryptError) as error:
        raise BackupError(f"it cannot be encrypted: {error}: look at encrypt_to") from error
    remove(plain)


@asynccontextmanager
async def readable(path: Path, facet: BackupFacet) -> AsyncIterator[Path]:
    """The backup as its readers want it: itself, or decrypted for as long as the block lasts. Raises BackupError."""
    if path.suffix != AGE:
        yield path
        return
    plain = path.with_name(path.name.removesuffix(AGE) + PARTIAL)
    try:
        await asyncio.to_thread(_decrypt, path, plain, identity_for(path.name, facet))
        yield plain
    finally:
        remove(plain)


def identity_for(name: str, facet: BackupFacet) -> Path:
    """The file with what it is decrypted with. Raises BackupError."""
    if facet.identity_file is None:
        raise BackupError(
            f"{name} is encrypted: without `identity_file` (or --identity) it cannot be read, nor proven",
            started=False,
        )
    return facet.identity_file


def _decrypt(path: Path, plain: Path, identity_file: Path) -> None:
    age = library("pyrage")
    make_private(plain)
    try:
        lines = identity_file.read_text(encoding="utf-8").splitlines()
        keys = [
            age.x25519.Identity.from_str(one.strip()) for one in lines if one.startswith("AGE-")
        ]
        with path.open("rb") as read, plain.open("wb") as written:
            age.decrypt_io(read, written, keys)
    except OSError as error:
        raise BackupError(f"{identity_file} cannot be used: {error.strerror}") from error
    except age.IdentityError as error:
        raise BackupError(f"{identity_file} holds no age identity: {error}") from error
    except age.DecryptError as error:
        raise BackupError(
            f"{path.name} cannot be decrypted ({error}): it is for another identity, or spoiled"
        ) from error
