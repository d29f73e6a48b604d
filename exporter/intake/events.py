"""What an event is, of all that its client says: a fingerprint like the kit's, a severity and a release."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from prunella import fingerprints
from prunella.fingerprints import collapsed, normalised
from prunella.redaction import printable

_SEVERITIES = {"fatal": "critical", "error": "error", "warning": "warning", "info": "info", "debug": "info"}  # fmt: skip
_DEFAULT = re.compile(r"\{\{\s*default\s*\}\}")
_OURS = re.compile(rf"[0-9a-f]{{{fingerprints.LENGTH}}}")
_ID = re.compile(r"[0-9a-fA-F]{32}")
_FRAMES, _MOST_FRAMES, _PARTS = 5, 1000, 20
_LONGEST_RELEASE = 64


class Told(NamedTuple):
    """`id` is the client's, the same when it sends the event again; empty when it gave none."""

    id: str
    fingerprint: str
    severity: str
    release: str


def told_by(event: Mapping[str, Any]) -> Told:
    """Of whatever JSON: what is missing or of another type is as if it were not there."""
    given = str(event.get("event_id", "")).replace("-", "")
    return Told(
        id=given if _ID.fullmatch(given) else "",
        fingerprint=_fingerprint(event),
        severity=_SEVERITIES.get(str(event.get("level", "error")).lower(), "error"),
        release=printable(_text(event.get("release"))[:_LONGEST_RELEASE]),
    )


def _fingerprint(event: Mapping[str, Any]) -> str:
    """As the client wants it, `{{ default }}` standing for what we would have said."""
    wanted = [_text(part) for part in _list(event.get("fingerprint"))[:_PARTS]]
    if not wanted or all(_DEFAULT.fullmatch(part) for part in wanted):
        return _default(event)
    if len(wanted) == 1 and _OURS.fullmatch(wanted[0]):
        return wanted[0]  # the kit's own
    parts = (_default(event) if _DEFAULT.fullmatch(part) else part[:1000] for part in wanted)
    return fingerprints.of_parts(["given", *parts])


def _default(event: Mapping[str, Any]) -> str:
    thrown = event.get("exception")
    values = _list(thrown.get("values") if isinstance(thrown, dict) else thrown)
    last = next((value for value in reversed(values) if isinstance(value, dict)), None)
    if last is None:
        return fingerprints.of_message(_message(event))
    path = _path(last)
    kind = normalised(_text(last.get("type")) or "error")
    return fingerprints.of_parts([kind, *(path or [normalised(_text(last.get("value")))])])


def _path(thrown: Mapping[str, Any]) -> list[str]:
    """The app's own frames, or the last of all, without their lines."""
    trace = thrown.get("stacktrace")
    listed = _list(trace.get("frames") if isinstance(trace, dict) else None)[-_MOST_FRAMES:]
    frames = [frame for frame in listed if isinstance(frame, dict)]
    own = [frame for frame in frames if frame.get("in_app") is not False]
    return collapsed([_place(frame) for frame in own or frames])[-_FRAMES:]


def _place(frame: Mapping[str, Any]) -> str:
    # A module is the same in every checkout; of a path only its end is.
    file = _text(frame.get("module")) or re.split(r"[/\\]", _text(frame.get("filename")))[-1]
    return f"{normalised(file)}:{normalised(_text(frame.get('function')))}"


def _message(event: Mapping[str, Any]) -> str:
    entry = event.get("logentry") or event.get("message")
    if isinstance(entry, dict):  # the template before its values are put in, if there is one
        entry = entry.get("message") or entry.get("formatted")
    return _text(entry)


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
