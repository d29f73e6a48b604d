"""Text from labels, made to fit: nobody's words become markup, and what is cut is cut between two characters.

Labels are written by whoever can fire an alert. So every character is turned into what the service shows as that very
character *before* anything is measured, and a text that is too long ends after a whole character of the reader's: never
inside an escape, a surrogate pair, or between a letter and its accent.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from html import unescape

from prunella.redaction import printable
from receiver.channels.notice import Notice
from receiver.endpoints import check_url

ELLIPSIS = "…"
URL_MOST = 2000
_ROOM_FOR_TWO = 12  # below that a beginning and an end say less than a beginning
# what is seen by nobody and makes two texts look alike; the joiners that scripts and emoji are written with stay
_UNSEEN = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)
_JOINERS = frozenset("\u200c\u200d\ufe0e\ufe0f")

Pieces = Callable[[str], Iterable[str]]


def units(text: str) -> int:
    """As JavaScript counts: a character beyond the basic plane is two. No service counts more."""
    return len(text) + sum(character > "\uffff" for character in text)


def plain(text: str, most: int) -> str:
    """The text without what could forge, hide or turn a line; no longer than what could still be shown of `most`."""
    # one more than could fit, so that who cuts knows that there was more
    return visible(text.strip()[: most + 1])


def visible(text: str) -> str:
    """The text with a name for every character that forges, hides or turns a line."""
    lines = text.replace("\t", " ").replace("\r\n", "\n").split("\n")
    return "\n".join(_UNSEEN.sub(_named, printable(line)) for line in lines)


def _named(match: re.Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def fit(text: str, limit: int, pieces: Pieces, *, parsed: bool = False) -> str:
    """The text as `pieces` writes its characters, in at most `limit` units; what is cut ends in an ellipsis.

    `parsed` is for a service that counts what is left when it has read the markup.
    """
    clean = plain(text, limit)
    written = list(pieces(clean))
    sizes = [units(unescape(one) if parsed else one) for one in written]
    if sum(sizes) <= limit:
        return "".join(written)
    room, end = limit - units(ELLIPSIS), 0
    for size in sizes:
        if size > room:
            break
        room, end = room - size, end + 1
    while 0 < end < len(clean) and (_clings(clean[end]) or clean[end - 1] == "\u200d"):
        end -= 1
    return "".join(written[:end]) + ELLIPSIS if limit > 0 else ""


def fit_ends(text: str, limit: int, pieces: Pieces, *, parsed: bool = False) -> str:
    """The same, but cut out of the middle, and the end from the beginning of a line where that is possible.

    For facts: of what was tried, what was seen last matters most.
    """
    words = text.strip()
    if limit < _ROOM_FOR_TWO:
        return fit(text, limit, pieces, parsed=parsed)
    if len(words) <= limit:
        written = list(pieces(plain(words, limit)))
        if sum(map(_measure(parsed), written)) <= limit:
            return "".join(written)
    head = fit(words, limit // 3, pieces, parsed=parsed)
    seen = units(unescape(head) if parsed else head)
    mark = "" if head.endswith(ELLIPSIS) or not head else ELLIPSIS
    return head + mark + _end_of(words, limit - seen - len(mark), pieces, _measure(parsed))


def _end_of(text: str, room: int, pieces: Pieces, measure: Callable[[str], int]) -> str:
    """As much of the end as there is room for."""
    clean = plain(text[-room - 1 :], room)
    written = list(pieces(clean))
    start = len(written)
    while start and measure(written[start - 1]) <= room:
        start, room = start - 1, room - measure(written[start - 1])
    while start < len(clean) and (_clings(clean[start]) or clean[start - 1 : start] == "\u200d"):
        start += 1
    line = clean.find("\n", start)
    return "".join(written[start if line < 0 else line :])


def _measure(parsed: bool) -> Callable[[str], int]:
    return (lambda piece: units(unescape(piece))) if parsed else units


def _clings(character: str) -> bool:
    """Whether it belongs to the character before."""
    return character in _JOINERS or unicodedata.category(character) in {"Mn", "Me", "Mc", "Sk"}


def one_line(text: str) -> str:
    """For a place that has one line."""
    return " ".join(text.split())


def escaping(escapes: Mapping[str, str]) -> Pieces:
    """Each character by itself, the ones that mean something as what stands for them."""
    return lambda text: (escapes.get(character, character) for character in text)


def links_of(notice: Notice) -> dict[str, str]:
    """Its links; first the page that answers a question, for whoever has no button."""
    page = notice.question.page if notice.question is not None else ""
    return {"Approve or deny": page, **notice.links} if page else dict(notice.links)


def joined(pieces: Iterable[str], most: int) -> str:
    """As many pieces as fit into so many units, with a dot between them; one that is too long is passed over."""
    shown = ""
    for piece in pieces:
        longer = f"{shown} · {piece}" if shown else piece
        if units(longer) <= most:
            shown = longer
    return shown


def web_links(links: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Those that lead to the web and are no longer than a service takes."""
    for caption, url in links.items():
        try:
            check_url(url)
        except ValueError:
            continue
        if len(url) <= URL_MOST and url.isprintable():
            yield one_line(caption) or "link", url
