"""What a stand-in of a chat service received, as a page that looks like a chat: for a look in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body{{font:15px/1.45 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1d1c1d;background:#fff}}
h1{{font-size:1.1rem}} .m{{margin:1rem 0;padding:.1rem 0 .1rem .8rem;border-left:4px solid #ddd}}
.m .m{{margin:.6rem 0 .6rem 1.2rem}} .t{{font-weight:600}} .l{{white-space:pre-wrap;overflow-wrap:anywhere;margin:.3rem 0}}
.b{{display:inline-block;margin:.3rem .4rem .3rem 0;padding:.15rem .7rem;border:1px solid #bbb;border-radius:4px}}
.n{{color:#666;font-size:.85em}}
</style></head><body><h1>{title}</h1>
{body}
</body></html>
"""


@dataclass(frozen=True)
class Shown:
    """One message as it is seen; all of it plain text."""

    title: str
    colour: str = ""
    lines: Sequence[str] = ()
    buttons: Sequence[str] = ()
    note: str = ""
    replies: Sequence[Shown] = field(default_factory=list)


def page(title: str, messages: Sequence[Shown]) -> str:
    """The whole page; whatever the messages say is text in it."""
    body = "\n".join(_message(one) for one in messages) or '<p class="n">nothing yet</p>'
    return _PAGE.format(title=escape(title), body=body)


def _message(one: Shown) -> str:
    colour = f' style="border-color:{escape(one.colour)}"' if one.colour else ""
    lines = "".join(f'<div class="l">{escape(line)}</div>' for line in one.lines if line)
    buttons = "".join(f'<span class="b">{escape(caption)}</span>' for caption in one.buttons)
    note = f'<div class="n">{escape(one.note)}</div>' if one.note else ""
    replies = "".join(_message(reply) for reply in one.replies)
    head = f'<div class="t">{escape(one.title)}</div>'
    return f'<div class="m"{colour}>{head}{lines}{buttons}{note}{replies}</div>'
