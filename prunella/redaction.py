"""Takes secrets and control characters out of text that people and log stores will read.

It knows the forms in which secrets travel, not their values: a last net below the rule that they are never handed to
a logger at all.
"""

from __future__ import annotations

import re

HIDDEN = "***"

_SECRET_KEY = re.compile(
    r"(?:^|[_.-])(?:token|password|passwd|secret|authorization|api_?key|integration_key|cookie|dsn|credentials?)$",
    re.IGNORECASE,
)
_FORMS = (
    # scheme://user:password@host; the user may be half of the secret (Sentry, Slack)
    (re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://)[^/\s@\"']+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(
            r"(?i)(\bbearer\s+|\bgenie-?key\s+|\bauthorization[\"']?\s*[:=]\s*[\"']?\w+\s+)"
            r"[A-Za-z0-9._~+/=-]{6,}"
        ),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(
            r"(?i)\b((?:[a-z]+[_-])*(?:token|password|passwd|secret|api[_-]?key|integration_key))"
            r"([\"']?\s*[=:]\s*[\"']?)(?!\*\*\*)[^\s&\"',;)}]+"
        ),
        rf"\1\2{HIDDEN}",
    ),
    # the services whose URLs are themselves the password
    (re.compile(r"/services/T\w+/B\w+/\w+"), f"/services/{HIDDEN}"),
    (re.compile(r"/api/webhooks/\d+/[\w-]+"), f"/api/webhooks/{HIDDEN}"),
    (re.compile(r"/bot\d+:[\w-]+"), f"/bot{HIDDEN}"),
    # and our own: whoever has the link may answer the question
    (re.compile(r"/answer/\d+\.[\w.-]+"), f"/answer/{HIDDEN}"),
)
# C0, DEL and C1 controls, line separators, bidi overrides, lone surrogates: what could forge or hide a line.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def redact(text: str) -> str:
    """The text with what looks like a secret replaced by `***`."""
    for form, shown in _FORMS:
        text = form.sub(shown, text)
    return text


def names_a_secret(key: str) -> bool:
    """Whether a value under this key must not be shown, whatever it looks like."""
    return _SECRET_KEY.search(key) is not None


def printable(text: str) -> str:
    """The text on one line, with every character that could forge another one escaped."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
