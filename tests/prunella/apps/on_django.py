"""`gunicorn tests.prunella.apps.on_django:app` and `uvicorn tests.prunella.apps.on_django:asgi`."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path

settings.configure(
    SECRET_KEY="for tests",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["prunella.middleware.django.PrunellaMiddleware"],
    PRUNELLA={"metrics_path": "/metrics"},
)


def order(request: HttpRequest, key: str) -> HttpResponse:
    return JsonResponse({"order": key})


def fail(request: HttpRequest, key: str) -> HttpResponse:
    raise KeyError("bug")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        for _ in range(3):
            yield b"part"

    return StreamingHttpResponse(parts())


urlpatterns = [
    path("orders/<key>", order),
    path("fail/<key>", fail),
    path("stream", stream),
    path("api/", include([path("items/<key>", order)])),
]
app = get_wsgi_application()
asgi = get_asgi_application()
