"""`gunicorn tests.prunella.apps.on_flask:app`."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Flask, Response

from prunella.middleware.wsgi import PrunellaMiddleware

app = Flask(__name__)
app.wsgi_app = PrunellaMiddleware(app.wsgi_app, metrics_path="/metrics")  # type: ignore[method-assign]  # as Flask's own documents do it
below = Blueprint("items", __name__, url_prefix="/api/items")


@app.get("/orders/<key>")
def order(key: str) -> dict[str, str]:
    return {"order": key}


@app.get("/fail/<key>")
def fail(key: str) -> str:
    raise KeyError("bug")


@app.get("/stream")
def stream() -> Response:
    def parts() -> Iterator[bytes]:
        for _ in range(3):
            yield b"part"

    return Response(parts())


@below.get("/<key>")
def item(key: str) -> dict[str, str]:
    return {"order": key}


app.register_blueprint(below)
