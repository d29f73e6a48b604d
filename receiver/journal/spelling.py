"""JSON as the journal stores it, spelled quickly.

`JSONEncoder.encode` makes its walker anew for each value, which takes as long as a short text itself; a new alert has
eight of them. Where Python has no walker in C, its own encoder does the work.
"""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable


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
