"""Takes secrets and control characters out of text that people and log stores will read.

It knows the forms in which secrets travel, not their values: a last net below the rule that they are never handed to
a logger at all.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from itertools import islice

HIDDEN = "***"

_SECRET_KEY = re.compile(
    r"(?:^|[_.-])(?:token|password|passwd|secret|authorization|api_?key|access_?key|private_?key|integration_key|cookie|dsn|credentials?)$",
    re.IGNORECASE,
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")  # accessToken is access_token
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
            r"(?i)\b([a-z_-]{0,40}(?:token|password|passwd|secret|(?:api|access|private)[_-]?key|integration_key))"
            r"([\"']?\s*[=:]\s*[\"']?)(?!\*\*\*)(?:(?<=\")[^\"\n]+|(?<=')[^'\n]+|[^\s&\"',;)}]+)"
        ),
        rf"\1\2{HIDDEN}",
    ),
    (
        re.compile(r"(?i)\b((?:set-)?cookie[\"']?:\s*[\"']?)(?!\*\*\*)[^\s\"'][^\r\n\"']*"),
        rf"\1{HIDDEN}",
    ),
    # signed tokens (JWT), which log in whoever has them
    (re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{2,}\.[\w-]*"), HIDDEN),
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
    return _SECRET_KEY.search(_HUMP.sub("_", key)) is not None


def printable(text: str) -> str:
    """The text on one line, with every character that could forge another one escaped."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


_PERSONAL_KEY = re.compile(
    r"(?:^|[_.-])(?:e?mail(?:_?address)?|phone(?:_?number)?|mobile|(?:first|last|full|middle|sur|user)_?name|address|street|zip"
    r"|postcode|birth_?(?:day|date)|dob|ssn|passport|iban|card(?:_?number)?|cvv|cvc|ip(?:_?address)?|remote_?addr|gender)$",
    re.IGNORECASE,
)
_PERSONAL = (
    re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"),
    re.compile(r"(?<!\w)\+\d[\d ()-]{6,20}\d"),  # a telephone
    re.compile(r"\b\d{3}-\d{2}-\d{4}\b"),
    re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),  # a bank account
)
_CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])")
_DEEPEST, _MOST, _LONGEST = 6, 100, 4096
_LARGEST = 2**64
_UNSHOWN = "<exception str() failed>"


def anonymous(text: str) -> str:
    """The text without secrets and without what tells who somebody is: for reports that leave the machine."""
    shown = redact(text)
    for form in _PERSONAL:
        shown = form.sub(HIDDEN, shown)
    return _CARD.sub(lambda found: HIDDEN if _is_card(found.group()) else found.group(), shown)


def scrubbed(value: object, depth: int = _DEEPEST) -> object:
    """The value as JSON can hold it, anonymous through and through, and cut where it has no end."""
    if value is None or (isinstance(value, int | float) and abs(value) < _LARGEST):
        return value  # JSON has neither NaN nor infinity
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, bytes | bytearray):
        return f"{len(value)} bytes"
    if depth > 0 and isinstance(value, Mapping):
        pairs = ((_text(key), one) for key, one in islice(value.items(), _MOST))
        return {k: HIDDEN if names_a_person(k) else scrubbed(v, depth - 1) for k, v in pairs}
    if depth > 0 and isinstance(value, list | tuple | set | frozenset):
        return [scrubbed(one, depth - 1) for one in islice(value, _MOST)]
    return _cut(_text(value))


def names_a_person(key: str) -> bool:
    """Whether a value under this key is a secret or somebody's own business."""
    return names_a_secret(key) or _PERSONAL_KEY.search(_HUMP.sub("_", key)) is not None


def _cut(text: str) -> str:
    cut = anonymous(text[: 2 * _LONGEST])
    return cut if len(cut) <= _LONGEST else cut[:_LONGEST] + "…"


def _text(value: object) -> str:
    """By the words of a traceback, which somebody's own __str__ (a lazy ORM's, too) cannot break."""
    if isinstance(value, str):
        return value
    shown = "".join(traceback.format_exception_only(Exception(value)))
    text = shown.partition(": ")[2].removesuffix("\n")
    return f"({type(value).__name__} that cannot be shown)" if text == _UNSHOWN else text


def _is_card(text: str) -> bool:
    """Luhn's sum, which one number in ten has."""
    digits = [int(sign) for sign in text if sign.isdigit()][::-1]
    doubled = (sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
