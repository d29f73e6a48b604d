"""The page that Prometheus reads, in the format that its Accept header likes best."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.exposition import choose_encoder

from prunella.metrics import REGISTRY, CollectorRegistry

_FORMATS = {"application/openmetrics-text", "text/plain", "text/*", "*/*"}


def render(
    registry: CollectorRegistry = REGISTRY, accept: str = "", names: Iterable[str] | None = None
) -> tuple[bytes, str]:
    """The metrics (only those with sample names in `names`, if given) and their content type."""
    encode, content_type = choose_encoder(_preferred(accept))
    shown = registry if names is None else registry.restricted_registry(list(names))
    return encode(shown), content_type


def _preferred(accept: str) -> str:
    """The one format to answer with, as an Accept header that prometheus_client cannot misread."""
    offers = [offer for offer in map(_offer, accept.split(",")) if offer[1] > 0]
    for form, _, parameters in sorted(offers, key=lambda offer: -offer[1]):
        if form not in _FORMATS:
            continue
        escaping = parameters.get("escaping", "")
        suffix = f"; escaping={escaping}" if escaping else ""
        if form == "application/openmetrics-text":
            return f"{form}; version=1.0.0{suffix}"
        if parameters.get("version") == "1.0.0":
            return f"text/plain; version=1.0.0{suffix}"
        break
    return "text/plain; version=0.0.4"


def _offer(text: str) -> tuple[str, float, dict[str, str]]:
    form, *rest = (part.strip() for part in text.split(";"))
    pairs = (part.split("=", 1) for part in rest if "=" in part)
    parameters = {key.strip().lower(): value.strip().strip('"') for key, value in pairs}
    try:
        quality = float(parameters.pop("q", "1"))
    except ValueError:
        quality = 0.0
    return form.lower(), quality, parameters
