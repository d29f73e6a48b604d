"""What makes two errors the same: their kind and the way the code took to them, not what differs from one time to the next.

Line numbers move with every release, and ids, numbers and addresses with every request; a fingerprint that held any of
them would make each error a new one.
"""

from __future__ import annotations

import hashlib
import re
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType

LENGTH = 12
_FRAMES = 5
_CHAIN = 5
_LEAVES = 10
_LONGEST = 2000

_VARYING = (
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<n>"),
    (re.compile(r"(?<![<\w])[-+](?=\d)"), ""),  # a sign
    (re.compile(r"\b0[xX][0-9a-fA-F]+"), "<n>"),
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"), "<email>"),
    (re.compile(r"(?<!\w)(?:'[^']*'|\"[^\"]*\")(?!\w)"), "<text>"),
    (re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])"), "<n>"),
    (re.compile(r"\b(?=[a-fA-F]{0,40}\d)[0-9a-fA-F]{8,}\b"), "<n>"),
    (re.compile(r"\d+(?:[.,:_]\d+)*(?:[eE][-+]?\d+)?"), "<n>"),
    (re.compile(r"\s+"), " "),
)
_OURS = str(Path(__file__).parent) + "/"
_LIBRARIES = (
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    _OURS,  # the middleware is on every way
)
_IMPORTED = ("/site-packages/", "/dist-packages/")


def of_error(error: BaseException) -> str:
    """The same for every error of one kind raised on one path, whatever its message says."""
    frames = list(_frames(error.__traceback__))
    own = [place for place, ours in frames if ours][-_FRAMES:]
    path = own or [place for place, _ in frames[-_FRAMES:]]
    if frames and frames[-1][0] != path[-1]:
        path.append(frames[-1][0])  # what it was in the library that went wrong
    if not path:
        path = [normalised(said(error))]  # never raised: what it says is all there is
    return of_parts([*_kinds(error), *path])


def of_message(text: str) -> str:
    """The same for messages that differ only in ids, numbers and addresses."""
    return of_parts(["message", normalised(text)])


def of_parts(parts: Iterable[str]) -> str:
    """The fingerprint of what an error is made of."""
    return hashlib.sha256("|".join(parts).encode("utf-8", "replace")).hexdigest()[:LENGTH]


def collapsed(path: Sequence[str]) -> list[str]:
    """The path without repeats: how deep a recursion went is no other error."""
    return [place for i, place in enumerate(path) if i == 0 or place != path[i - 1]]


def normalised(text: str) -> str:
    """The text with a placeholder for whatever differs from one time to the next."""
    text = text[:_LONGEST]
    for pattern, shown in _VARYING:
        text = pattern.sub(shown, text)
    return text.strip().lower()[:300]


def said(error: BaseException) -> str:
    """An error's message, also of one that cannot say it: the traceback's own words for it."""
    line = "".join(traceback.format_exception_only(error)).strip()
    return line.partition(": ")[2]


def kind_of(error: BaseException) -> str:
    """Its type, as people write it."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"  # fmt: skip


def _kinds(error: BaseException) -> Iterator[str]:
    """Its kind, those that it was made from, and those that it is a group of."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen and len(seen) < _CHAIN:
        seen.add(id(link))
        yield kind_of(link)
        if isinstance(link, BaseExceptionGroup):
            yield from sorted({kind_of(leaf) for leaf in _leaves(link)})
        link = link.__cause__


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    waiting: list[BaseException] = list(group.exceptions)
    for _ in range(_LEAVES):
        if not waiting:
            return
        one = waiting.pop(0)
        if isinstance(one, BaseExceptionGroup):
            waiting.extend(one.exceptions)
        else:
            yield one


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, bool]]:
    """Place and whether it is the app's own, from outside in, without repeats."""
    before = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place, ours = _place(code.co_filename, code.co_qualname)
        if place != before:
            yield place, ours
        before, trace = place, trace.tb_next


@lru_cache(4096)
def _place(file: str, function: str) -> tuple[str, bool]:
    shown = f"{normalised(file.rpartition('/')[2])}:{normalised(function)}"
    libraries = file.startswith(_LIBRARIES) or any(part in file for part in _IMPORTED)
    return shown, not (libraries or file.startswith("<frozen"))
