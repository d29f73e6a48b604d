"""JSON as the journal stores it, spelled quickly: in ASCII and without spaces, as Python's own encoder would.

What is ordinary is spelled by msgspec in a fifth of the time, and a new alert has eight such texts; what the two would
spell differently is left to Python. `JSONEncoder.encode` makes its walker anew for each value, which takes as long as a
short text itself, so that one is made here once. Where Python has no walker in C, its own encoder does the work.
"""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

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
_plain_lines, _sorted_lines = Encoder().encode_lines, Encoder(order="sorted").encode_lines
_PLAIN = frozenset({str, int, bool, type(None)})
# within these both write a float alike: without an exponent
_LEAST, _MOST = 1e-4, 1e16


def texts(value: Mapping[str, str]) -> str:
    """Labels and annotations, as `compact` writes them."""
    return _quickly(_as_they_stand, value) or compact(dict(value))


def all_texts(values: Sequence[Mapping[str, str]]) -> list[str]:
    """`texts` of each, together for the same reason as `canonicals`."""
    spelled = _quickly(_plain_lines, values)
    return spelled.split("\n")[:-1] if spelled else [texts(value) for value in values]


def canonical(data: Mapping[str, object]) -> str:
    """One spelling for one value, keys sorted, so that a hash can be computed again."""
    if not _alike(_unplain((data,))):
        return _sorted(data)
    return _quickly(_by_key, data) or _sorted(data)


def canonicals(all_: Sequence[Mapping[str, object]]) -> list[str]:
    """`canonical` of each. Looked at and spelled together: one by one, most of it would be calling and looking."""
    if _alike(_unplain(all_)):
        spelled = _quickly(_sorted_lines, all_)
        if spelled:
            return spelled.split("\n")[:-1]  # none has a line end inside: JSON escapes it
    return [canonical(data) for data in all_]


def _unplain(all_: Iterable[Mapping[str, object]]) -> list[object]:
    return [value for data in all_ for value in data.values() if type(value) not in _PLAIN]


def _alike(values: list[object]) -> bool:
    """Whether both write these as they write what is plain."""
    for value in values:
        if isinstance(value, float) and _LEAST <= value < _MOST:
            continue
        if isinstance(value, list) and _PLAIN.issuperset(map(type, value)):
            continue
        return False
    return True


def _quickly(spell: Callable[[Any], bytes], value: object) -> str:
    """What msgspec makes of it, or nothing where Python would escape something."""
    try:
        spelled = spell(value)
    except (TypeError, UnicodeEncodeError):  # no dict, or half a character
        return ""
    return spelled.decode() if spelled.isascii() and b"\x7f" not in spelled else ""
