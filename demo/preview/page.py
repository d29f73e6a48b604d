"""What a chat service was sent, as a page that looks like a chat. Without a script; whatever is shown is text in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">{refresh}
<title>{title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'">
<style>
:root{{color-scheme:light dark;--bg:#f4f4f5;--card:#fff;--ink:#1d1c1d;--dim:#616061;--line:#dddde1;--link:#1264a3;--go:#007a5a;--stop:#c01343}}
@media (prefers-color-scheme:dark){{:root{{--bg:#15171a;--card:#1e2125;--ink:#e3e4e6;--dim:#9da0a5;--line:#3a3d42;--link:#6cb4f0;--go:#148567;--stop:#d6366a}}}}
*{{box-sizing:border-box}}
body{{font:15px/1.5 system-ui,sans-serif;max-width:50rem;margin:0 auto;padding:1.2rem 1rem 3rem;color:var(--ink);background:var(--bg)}}
h1{{font-size:1.25rem;margin:0}} a{{color:var(--link)}} p{{margin:.3rem 0}}
.n,time{{color:var(--dim);font-size:.85em}} time{{font-weight:400;margin-left:.6em;white-space:nowrap}}
.card{{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:1rem 0;padding:1rem 1.1rem}}
.m{{padding-left:.9rem;border-left:4px solid var(--line);border-radius:3px}}
.m .t{{font-weight:700;font-size:1.05em}} .r .t{{font-weight:600}}
.l{{white-space:pre-wrap;overflow-wrap:anywhere;margin:.25rem 0}}
dl{{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:.5rem 1.2rem;margin:.6rem 0}}
dt{{font-weight:600;font-size:.85em;color:var(--dim)}} dd{{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}}
.thread{{margin:.9rem 0 0 .3rem;padding-left:1rem;border-left:1px solid var(--line)}} .r{{margin:.7rem 0}}
form{{display:inline}} .b{{display:inline-block;font:inherit;font-weight:600;font-size:.9em;margin:.3rem .4rem .3rem 0;padding:.25rem .8rem;border:1px solid var(--line);border-radius:6px;color:var(--ink);background:var(--card)}}
button.b{{cursor:pointer}} .primary{{background:var(--go);color:#fff;border-color:var(--go)}} .danger{{background:var(--stop);color:#fff;border-color:var(--stop)}}
.w{{border:1px dashed var(--line);border-radius:6px;padding:.4rem .7rem;margin:.6rem 0}}
</style></head><body><h1>{title}</h1>
{intro}
{body}
</body></html>
"""


@dataclass(frozen=True)
class Button:
    """What may be pressed; without `path` it is only shown. `fields` go along."""

    caption: str
    style: str = ""
    path: str = ""
    fields: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Shown:
    """One message as it is seen; all of it plain text. `whispers` only one reader sees."""

    title: str
    colour: str = ""
    at: str = ""
    lines: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()
    links: Sequence[tuple[str, str]] = ()
    buttons: Sequence[Button] = ()
    note: str = ""
    replies: Sequence[Shown] = field(default_factory=list)
    whispers: Sequence[str] = ()
    more: tuple[str, str] | None = None  # caption and address of what is not shown here


def page(
    title: str,
    messages: Sequence[Shown],
    intro: str = "",
    refresh: int = 0,
    back: tuple[str, str] | None = None,
) -> str:
    """The whole page. With `refresh` it is loaded again after so many seconds; `back` leads to where it is one of many."""
    body = "\n".join(_card(one) for one in messages) or '<p class="n">Nothing yet.</p>'
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    told = f'<p class="n">{escape(intro)}</p>' if intro else ""
    told += f"<p>{_link(*back)}</p>" if back else ""
    return _PAGE.format(title=escape(title), body=body, refresh=again, intro=told)


def _card(one: Shown) -> str:
    colour = f' style="border-left-color:{escape(one.colour)}"' if one.colour else ""
    replies = "".join(f'<div class="r">{_message(reply)}</div>' for reply in one.replies)
    thread = f'<div class="thread">{replies}</div>' if replies else ""
    whispers = "".join(
        f'<div class="w"><span class="n">Only visible to you</span><br>{escape(text)}</div>'
        for text in one.whispers
    )
    more = f"<p>{_link(*one.more)}</p>" if one.more else ""
    return f'<div class="card"><div class="m"{colour}>{_message(one)}</div>{thread}{whispers}{more}</div>'


def _message(one: Shown) -> str:
    at = f"<time>{escape(one.at)}</time>" if one.at else ""
    facts = "".join(f"<div><dt>{escape(c)}</dt><dd>{escape(v)}</dd></div>" for c, v in one.facts)
    links = " · ".join(_link(caption, url) for caption, url in one.links)
    parts = (
        f'<div class="t">{escape(one.title)}{at}</div>',
        _all(f'<div class="l">{escape(line)}</div>' for line in one.lines if line),
        f"<dl>{facts}</dl>" if facts else "",
        f"<p>{links}</p>" if links else "",
        _all(_button(button) for button in one.buttons),
        f'<div class="n">{escape(one.note)}</div>' if one.note else "",
    )
    return _all(parts)


def _button(button: Button) -> str:
    kind = f"b {escape(button.style)}".strip()
    caption = escape(button.caption)
    if not button.path:
        return f'<span class="{kind}">{caption}</span>'
    fields = _all(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in button.fields
    )
    return (
        f'<form method="post" action="{escape(button.path)}">{fields}'
        f'<button class="{kind}">{caption}</button></form>'
    )


def _link(caption: str, url: str) -> str:
    """Only to the web, or to a place of our own; anything else is text."""
    if url.startswith(("http://", "https://", "/")):
        return f'<a href="{escape(url)}" rel="noopener noreferrer">{escape(caption)}</a>'
    return escape(f"{caption} ({url})")


def _all(parts: Iterable[str]) -> str:
    return "".join(parts)
