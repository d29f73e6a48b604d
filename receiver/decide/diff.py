"""Where one can read what a deploy changed: the page of a forge that compares two commits, or two versions.

What CI calls its commits and versions is quoted before it becomes a part of an address.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator

from receiver.decide.release import Release
from receiver.decide.watching import before
from receiver.endpoints import check_url

DIFF = "Diff"  # the caption of the link
_FROM, _TO = "{from}", "{to}"


def _template(text: str) -> str:
    check_url(text.replace(_FROM, "a").replace(_TO, "b"))
    behind = text.removeprefix(f"{urlsplit(text).scheme}://").partition("/")[2]
    if behind.count(_FROM) != 1 or behind.count(_TO) != 1 or text.count("{") != 2:
        raise ValueError(
            "must be an address with {from} and {to} in its path or query, such as "
            "https://github.com/example/shop/compare/{from}...{to}"
        )
    return text


Comparison = Annotated[str, AfterValidator(_template)]


def diff_link(template: str | None, release: Release, ledger: Sequence[Release]) -> dict[str, str]:
    """The link to what this release changed, by caption; none where nothing was before it or nobody said where."""
    earlier = before(ledger, release)
    if template is None or earlier is None:
        return {}
    was, now = earlier.version, release.version
    if earlier.commit and release.commit:
        was, now = earlier.commit, release.commit
    if was == now:
        return {}
    return {DIFF: template.replace(_FROM, quote(was, safe="")).replace(_TO, quote(now, safe=""))}
