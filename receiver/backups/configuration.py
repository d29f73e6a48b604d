"""The receiver's and the exporter's own configuration, which whoever rebuilds a machine misses first.

Unless what leaves is encrypted, secrets are left out: who finds a copy of this must learn where things are, and not how
to get in.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import yaml

from prunella.redaction import names_a_secret, redact
from receiver.backups.base import BackupError, Disproved, Ground
from receiver.backups.files import make_private
from receiver.backups.manifest import Manifest
from receiver.backups.optional import library
from receiver.decide.backups import Kind

LEFT_OUT = "(left out of the backup)"
# secrets whose names do not say so: addresses that let in whoever has them, and what is sent to log in
_SECRETS = frozenset({"webhook_url", "ping_url", "headers", "body", "send", "key", "upstream"})
_SECRET_ADDRESSES = frozenset({"channels", "ical"})
_REFERENCE = re.compile(r"\$\{\w+\}")
_REFERRED_LOGIN = re.compile(r"(?<=://)[^/\s:@]*:(?:\$\{\w+\})+@")
_MOST = 4 << 20  # bytes; what is larger is no configuration


async def make_config(ground: Ground, path: Path, at: str) -> Manifest:
    """Writes the files to `path` as a compressed tar. Raises BackupError."""
    found = list(_files(ground.facet.config))
    if not found:
        raise BackupError("there is no file in what `backup.config` names", started=False)
    whole = bool(ground.facet.encrypt_to)
    make_private(path)
    with (
        path.open("wb") as raw,
        library("zstandard")
        .ZstdCompressor(level=9, write_checksum=True)
        .stream_writer(raw) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        for file in found:
            text = file.read_bytes() if whole else _without_secrets(file)
            member = tarfile.TarInfo(str(file).lstrip("/"))
            member.size, member.mode, member.mtime = len(text), 0o600, int(file.stat().st_mtime)
            tar.addfile(member, io.BytesIO(text))
    return Manifest(ground.target, Kind.CONFIG, at, {}, {"files": len(found)})


def check_config(path: Path) -> int:
    """How many files are in it, each read to its end. Raises Disproved."""
    files = 0
    try:
        with (
            path.open("rb") as raw,
            library("zstandard").ZstdDecompressor().stream_reader(raw) as packed,
            tarfile.open(fileobj=packed, mode="r|") as tar,
        ):
            for member in tar:
                if (taken := tar.extractfile(member)) is not None:
                    taken.read()
                    files += 1
    except (tarfile.TarError, library("zstandard").ZstdError, EOFError) as error:
        raise Disproved(f"{path.name} cannot be read to its end: {error}") from error
    return files


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        found = sorted(place.iterdir()) if place.is_dir() else [place]
        for file in found:
            if file.is_file() and (file == place or file.suffix in {".yml", ".yaml"}):
                if file.stat().st_size > _MOST:
                    raise BackupError(f"{file} is larger than any configuration", started=False)
                yield file


def _without_secrets(file: Path) -> bytes:
    """The same document; its comments are lost, and so is what only looks like YAML."""
    try:
        tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BackupError(
            f"{file} is not YAML, so that nobody can tell its secrets: name the files in `backup.config`, or say"
            " `encrypt_to`",
            started=False,
        ) from error
    return yaml.safe_dump(_harmless(tree), sort_keys=False, allow_unicode=True).encode()


def _harmless(value: object, path: tuple[str, ...] = ()) -> object:
    if isinstance(value, Mapping):
        return {name: _harmless(item, (*path, str(name))) for name, item in value.items()}
    if isinstance(value, list):
        return [_harmless(item, path) for item in value]
    if isinstance(value, str):
        return _without_secret(value, hidden=_is_secret(path))
    return LEFT_OUT if value is not None and _is_secret(path) else value


def _is_secret(path: tuple[str, ...]) -> bool:
    """Whatever it looks like: by the names of what it stands below."""
    if any(names_a_secret(name) or name in _SECRETS for name in path):
        return True
    return path[-1:] == ("url",) and not _SECRET_ADDRESSES.isdisjoint(path)


def _without_secret(text: str, *, hidden: bool) -> str:
    """`${NAME}` stays: it tells where the secret is, and not what it is. What is given instead of it does not."""
    rest = _REFERENCE.sub("", _REFERRED_LOGIN.sub("", text))
    if hidden:
        return LEFT_OUT if rest else text
    return redact(text) if redact(rest) != rest else text
