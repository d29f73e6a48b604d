"""JSON as the journal stores it, spelled quickly: in ASCII and without spaces, as Python's own encoder would.

What is ordinary is spelled by msgspec in a fifth of the time, and a new alert has eight such texts; what the two would
spell differently is left to Python. `JSONEncoder.encode` makes its walker anew for each value, which takes as long as a
short text itself, so that one is made here once. Where Python has no walker in C, its own encoder does the work.
"""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable, Mapping

from msgspec.json import Encoder


def speller(*, sort_keys: bool = False) -> Callable[[object], str]:
    """A function that writes a value without spaces, in ASCII. Raises TypeError for what is no JSON."""
    slow = json.JSONEncoder(sort_keys=sort_keys, separators=(",", ":"), check_circular=False)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return slow.encode
    text, colon, comma = (
        json.encoder.encode_basestring_ascii,
        slow.key_separator,
        slow.item_separator,
    )
    walk = make(
        None, slow.default, text, None, colon, comma, sort_keys, slow.skipkeys, slow.allow_nan
    )
    return lambda value: "".join(walk(value, 0))


compact = speller()
_sorted = speller(sort_keys=True)
_as_they_stand, _by_key = Encoder().encode, Encoder(order="sorted").encode
_PLAIN = frozenset({str, int, bool, type(None)})
# within these both write a float alike: without an exponent
_LEAST, _MOST = 1e-4, 1e16


def texts(value: Mapping[str, str]) -> str:
    """Labels and annotations, as `compact` writes them."""
    return _quickly(_as_they_stand, value) or compact(dict(value))


def canonical(data: Mapping[str, object]) -> str:
    """One spelling for one value, keys sorted, so that a hash can be computed again."""
    for value in data.values():
        kind = type(value)
        if kind in _PLAIN:
            continue
        if isinstance(value, float) and _LEAST <= value < _MOST:
            continue
        if isinstance(value, list) and _PLAIN.issuperset(map(type, value)):
            continue
        return _sorted(data)
    return _quickly(_by_key, data) or _sorted(data)


def _quickly(spell: Callable[[object], bytes], value: object) -> str:
    """What msgspec makes of it, or nothing where Python would escape something."""
    try:
        spelled = spell(value)
    except (TypeError, UnicodeEncodeError):  # no dict, or half a character
        return ""
    return spelled.decode() if spelled.isascii() and b"\x7f" not in spelled else ""
