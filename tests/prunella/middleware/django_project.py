"""A Django project in one file: `DJANGO_SETTINGS_MODULE` names this module, and WSGI and ASGI serve it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

os.environ.setdefault("DJANGO_SETTINGS_MODULE", __name__)

SECRET_KEY = "for tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = __name__
MIDDLEWARE = ["prunella.middleware.django.PrunellaMiddleware"]
PRUNELLA = {
    "metrics_path": "/metrics",
    "health_path": "/health",
    "errors_path": "/errors.json",
    "errors_token": "s3cret",
}
USE_TZ = True
LOGGING_CONFIG = None

from django.core.exceptions import PermissionDenied  # noqa: E402 - Django reads the settings above
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse  # noqa: E402 - Django reads the settings above
from django.urls import include, path, re_path  # noqa: E402 - Django reads the settings above

from prunella.correlation import correlation_id  # noqa: E402 - Django reads the settings above


def order(request: HttpRequest, key: int) -> HttpResponse:
    return HttpResponse(correlation_id())


async def later(request: HttpRequest, key: int) -> HttpResponse:
    return HttpResponse(correlation_id())


async def hang(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(3600)
    return HttpResponse()


def fail(request: HttpRequest) -> HttpResponse:
    raise KeyError("bug")


def none(request: HttpRequest) -> HttpResponse:
    raise Http404


def denied(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        for _ in range(3):
            yield b"part"

    return StreamingHttpResponse(parts())


def breaks(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        yield correlation_id().encode()
        raise RuntimeError("in the middle")

    return StreamingHttpResponse(parts())


urlpatterns = [
    path("orders/<int:key>/", order),
    path("later/<int:key>/", later),
    path("hang/", hang),
    path("fail/", fail),
    path("none/", none),
    path("denied/", denied),
    path("stream/", stream),
    path("breaks/", breaks),
    path(
        "api/<slug:tenant>/",
        include([path("items/<int:key>", lambda r, tenant, key: order(r, key))]),
    ),
    re_path(r"^old/(?P<key>[0-9]+)$", order),
]
