"""Which of the formats that Prometheus reads to answer with, by the Accept header and its q-values."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, CONTENT_TYPE_PLAIN_1_0_0
from prometheus_client.openmetrics.exposition import (
    ALLOWUTF8,
    CONTENT_TYPE_LATEST,
    DOTS,
    UNDERSCORES,
    VALUES,
)

_OPEN, _PLAIN = "application/openmetrics-text", "text/plain"
_KNOWN = {_OPEN, _PLAIN, "text/*", "*/*"}
_REMEMBERED = 256  # headers; who scrapes sends the same ones each time
_ESCAPINGS = {ALLOWUTF8, UNDERSCORES, DOTS, VALUES}


class Form(NamedTuple):
    """A format, and what becomes of names that the older ones cannot say."""

    open: bool = False  # OpenMetrics 1.0, else text
    escaping: str = UNDERSCORES
    newer: bool = False  # text 1.0.0, which says its escaping

    @property
    def content_type(self) -> str:
        """What the answer is called."""
        if not self.open and not self.newer:
            return CONTENT_TYPE_PLAIN_0_0_4
        return (
            f"{CONTENT_TYPE_LATEST if self.open else CONTENT_TYPE_PLAIN_1_0_0}"
            f"; escaping={self.escaping}"
        )


PLAIN = Form()


@lru_cache(_REMEMBERED)
def chosen(accept: str) -> Form:
    """The one that the header likes best of those that we have, else the oldest, which everybody reads."""
    offers = [offer for offer in map(_offer, accept.split(",")) if offer[1] > 0]
    for form, _, parameters in sorted(offers, key=lambda offer: -offer[1]):
        if form not in _KNOWN:
            continue
        escaping = parameters.get("escaping", UNDERSCORES)
        known = escaping if escaping in _ESCAPINGS else UNDERSCORES
        if form == _OPEN:
            return Form(open=True, escaping=known)
        if form == _PLAIN and parameters.get("version") == "1.0.0":
            return Form(escaping=known, newer=True)
        break
    return PLAIN


@lru_cache(_REMEMBERED)
def takes_gzip(encodings: str) -> bool:
    """Whether an Accept-Encoding header allows it."""
    offers = {form: quality for form, quality, _ in map(_offer, encodings.split(","))}
    return offers.get("gzip", offers.get("*", 0.0)) > 0


def _offer(text: str) -> tuple[str, float, dict[str, str]]:
    form, *rest = (part.strip() for part in text.split(";"))
    pairs = (part.split("=", 1) for part in rest if "=" in part)
    parameters = {key.strip().lower(): value.strip().strip('"') for key, value in pairs}
    try:
        quality = float(parameters.pop("q", "1"))
    except ValueError:
        quality = 0.0
    return form.lower(), quality, parameters
