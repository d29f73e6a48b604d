"""The AMX_* variables of prometheus-am-executor, so that scripts written for it run here unchanged.

It is the one way in which label text reaches a program, only as values of its environment and only where asked for.
am-executor puts a whole delivery into the environment; ours is the incident: its alerts, all of them firing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from receiver.actions.base import Cause, Effect

_LONGEST = 32 << 10  # Linux refuses a variable of 128 KiB and the whole program with it
_LARGEST = 512 << 10  # and an environment of 2 MiB
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9_]")


def amx_environment(effect: Effect) -> dict[str, str]:
    """The variables of all alerts of the incident; what does not fit into an environment is left out at the end."""
    causes = _fitting(effect.causes or (_only_cause(effect),))
    env = {
        "AMX_RECEIVER": effect.receiver,
        "AMX_STATUS": "firing",
        "AMX_EXTERNAL_URL": effect.external_url,
        "AMX_ALERT_LEN": str(len(causes)),
        **_pairs("AMX_LABEL", _common([cause.labels for cause in causes])),
        **_pairs("AMX_GLABEL", effect.group_labels),
        **_pairs("AMX_ANNOTATION", _common([cause.annotations for cause in causes])),
    }
    for number, cause in enumerate(causes, start=1):
        env |= _one(f"AMX_ALERT_{number}", cause)
    return {name: _value(value) for name, value in env.items()}


def _only_cause(effect: Effect) -> Cause:
    fingerprint, _, since = effect.episode.rpartition("@")
    starts_at = float(since) if since.isdecimal() else 0.0
    return Cause(fingerprint, effect.labels, effect.annotations, starts_at)


def _one(prefix: str, cause: Cause) -> dict[str, str]:
    return {
        f"{prefix}_STATUS": "firing" if cause.ends_at is None else "resolved",
        f"{prefix}_START": str(int(cause.starts_at)),
        f"{prefix}_END": str(int(cause.ends_at or 0)),
        f"{prefix}_URL": cause.generator_url,
        f"{prefix}_FINGERPRINT": cause.fingerprint,
        **_pairs(f"{prefix}_LABEL", cause.labels),
        **_pairs(f"{prefix}_ANNOTATION", cause.annotations),
    }


def _pairs(prefix: str, texts: Mapping[str, str]) -> dict[str, str]:
    """A UTF-8 label name may hold what no variable's name can; it is written with `_` there."""
    return {f"{prefix}_{_UNNAMEABLE.sub('_', name)}": text for name, text in texts.items()}


def _common(all_texts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first, *others = all_texts
    return {k: v for k, v in first.items() if all(texts.get(k) == v for texts in others)}


def _fitting(causes: Sequence[Cause]) -> Sequence[Cause]:
    size = 0
    for number, cause in enumerate(causes):
        size += sum(len(k) + len(_value(v)) + 30 for k, v in _texts(cause))
        if size > _LARGEST and number:
            return causes[:number]
    return causes


def _texts(cause: Cause) -> Iterator[tuple[str, str]]:
    yield from cause.labels.items()
    yield from cause.annotations.items()
    yield "URL", cause.generator_url


def _value(text: str) -> str:
    """The text as a variable can hold it: no NUL, no half of a surrogate pair, not without end."""
    plain = text.replace("\0", "").encode("utf-8", "replace")
    return plain[:_LONGEST].decode("utf-8", "ignore")
