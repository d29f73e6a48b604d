"""The git repository of the shop's releases: a tag for each, with the same commits on every machine that has the same code.

Made by one `git fast-import`, so that it is there in a moment; nobody's own git configuration is asked.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from demo.releases.versions import VERSIONS, Version, base_of
from demo.shop.release import FILE

SHOP = Path(__file__).parents[1] / "shop"
BRANCH = "refs/heads/main"
BEGAN, DAY = 1_767_225_600, 86_400  # the first commit, and one a day from there
MANIFEST = ".prunella-manifest"
MADE = "made-of"  # holds the stamp of what a repository was made of


class GitError(Exception):
    """git said no; the text is what it said."""


def make(repository: Path) -> bool:
    """The repository with every release; False when it was there already and is made of the same."""
    stream = b"".join(_history())
    stamp, made = hashlib.sha256(stream).hexdigest(), repository / MADE
    if made.exists() and made.read_text() == stamp:
        return False
    shutil.rmtree(repository, ignore_errors=True)
    _git(["init", "--quiet", "--bare", "--initial-branch=main", str(repository)])
    git(repository, "fast-import", "--quiet", told=stream)
    made.write_text(stamp)
    return True


def build_again(repository: Path, name: str) -> None:
    """The same code once more under another name: a commit and a tag beside the branch. Raises GitError."""
    base = base_of(name)
    if base.name == name:
        return
    words = _commit(
        base.named(name), len(VERSIONS), f"refs/tags/{name}", f"refs/tags/{base.name}^0"
    )
    git(repository, "fast-import", "--quiet", told=b"".join(words))


def commit_of(repository: Path, version: str) -> str:
    """Its 40 digits. Raises GitError when there is no such release."""
    return git(repository, "rev-parse", "--verify", f"refs/tags/{version}^0").decode().strip()


def unpack(repository: Path, version: str, into: Path) -> None:
    """The files of that release, all or none. Raises GitError."""
    packed = git(repository, "archive", "--format=tar", f"refs/tags/{version}")
    beside = into.with_name(f".{into.name}.{os.getpid()}")
    shutil.rmtree(beside, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as files:
        files.extractall(beside, filter="data")
    _list(beside)
    shutil.rmtree(into, ignore_errors=True)
    beside.rename(into)


def _list(folder: Path) -> None:
    """As `sha256sum` does it, so that whoever goes back to the release can see that it is whole."""
    lines = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(folder)}\n"
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    ]
    (folder / MANIFEST).write_text("".join(lines))


def git(repository: Path, *words: str, told: bytes = b"") -> bytes:
    """What git answers there. Raises GitError."""
    return _git(["-C", str(repository), *words], told)


def _git(words: list[str], told: bytes = b"") -> bytes:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *words], input=told, capture_output=True, env={**ours, **alone}, check=False
    )
    if done.returncode:
        raise GitError(f"git {' '.join(words)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _code() -> Mapping[str, bytes]:
    """What the shop consists of, by path."""
    files = {"demo/__init__.py": (SHOP.parent / "__init__.py").read_bytes()}
    return files | {
        f"demo/shop/{file.name}": file.read_bytes() for file in sorted(SHOP.glob("*.py"))
    }


def _history() -> Iterator[bytes]:
    for day, version in enumerate(VERSIONS.values()):
        yield from _commit(version, day, BRANCH, None, {} if day else _code())
        yield f"reset refs/tags/{version.name}\nfrom {BRANCH}\n\n".encode()


def _commit(
    version: Version, day: int, ref: str, after: str | None, files: Mapping[str, bytes] = {}
) -> Iterator[bytes]:
    """In the words of `git fast-import`; `after` is None where it follows what the branch has."""
    yield f"commit {ref}\ncommitter Shop <shop@example.org> {BEGAN + day * DAY} +0000\n".encode()
    yield _data(f"{version.subject}\n".encode())
    if after is not None:
        yield f"from {after}\n".encode()
    for path, content in {**files, FILE: _told(version)}.items():
        yield f"M 100644 inline {path}\n".encode() + _data(content)
    yield b"\n"


def _data(content: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(content), content)


def _told(version: Version) -> bytes:
    """What the shop reads when it starts."""
    told: dict[str, object] = {"version": version.name, "compatible_down_to": version.oldest}
    if version.says is not None:
        told["says"] = version.says
    if version.flaw is not None:
        told["flaw"] = dict(version.flaw)
    return json.dumps(told, indent=2).encode() + b"\n"
