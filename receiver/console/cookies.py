"""The cookie of a session: sent by no other site's page, read by no script, and over https bound to this very host."""

from __future__ import annotations

from aiohttp import web

_PLAIN, _SECURE = "prunella-session", "__Host-prunella-session"


def secret_of(request: web.Request, *, secure: bool) -> str | None:
    """What the browser keeps, if it does."""
    return request.cookies.get(_name(secure))


def keep(response: web.Response, secret: str, *, secure: bool, seconds: float) -> None:
    """Has the browser keep it."""
    response.set_cookie(
        _name(secure),
        secret,
        max_age=int(seconds),
        path="/",
        secure=secure,
        httponly=True,
        samesite="Strict",
    )


def forget(response: web.Response, *, secure: bool) -> None:
    """Has the browser throw it away."""
    response.del_cookie(_name(secure), path="/", secure=secure, httponly=True, samesite="Strict")


def _name(secure: bool) -> str:
    return _SECURE if secure else _PLAIN
