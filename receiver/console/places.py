"""Under which names the console is reached, and whether a form was sent from a page of its own.

A page of a stranger's can have a name of its own point to our address (DNS rebinding), and have its visitor's browser
send us forms. The browser says in both cases where it thinks it is: in Host, in Origin, in Sec-Fetch-Site.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import wraps
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.auth import Auth, Scope
from prunella.service.route import Route
from receiver.settings import ServerSettings

_PROVEN = frozenset({Scope.READ, Scope.OPERATE})  # by a token, if there are any
_CROSS = "cross_origin"
_PORTS = {"http": 80, "https": 443}  # which a browser leaves out


@dataclass(frozen=True, slots=True)
class Places:
    """As the config says."""

    server: ServerSettings

    def check_host(self, request: web.Request) -> None:
        """Raises Refused for a name that is not ours. An address is nobody's name."""
        name = _name_of(request.host)
        known = {self._public_name, self.server.listen.host, *self.server.console.hosts}
        if name and (_is_address(name) or _is_loopback(name) or name in _lower(known)):
            return
        cure = "add it to server.console.hosts, or set server.public_url"
        raise Refused(421, "unknown_host", f"the receiver is not reached under this name: {cure}")

    def check_origin(self, request: web.Request) -> None:
        """Raises Refused unless a page of ours sent it: for what a browser proves without being asked."""
        site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
        if site is None and origin is None:
            raise Refused(403, _CROSS, "a form must say where it comes from (Origin)")
        ours = origin is None or _is_same(origin, self._origin(request))
        if site not in {None, "same-origin"} or not ours:
            raise Refused(403, _CROSS, "the form was sent from another place")

    def secure(self, request: web.Request) -> bool:
        """Whether the browser sees https: our own, or that of the proxy at the public address, for all its names."""
        public = urlsplit(self.server.public_url or "")
        names = _lower({self._public_name, *self.server.console.hosts})
        behind = public.scheme == "https" and _name_of(request.host) in names
        return self.server.tls is not None or behind

    def address(self, request: web.Request) -> str:
        """Where the browser is: beyond the proxy, if that is believed."""
        forwarded = request.headers.getall("X-Forwarded-For", [])
        if not forwarded or not self.server.console.trusts(request.remote):
            return request.remote or ""
        return forwarded[-1].rpartition(",")[2].strip()[:64]

    @property
    def _public_name(self) -> str:
        return urlsplit(self.server.public_url or "").hostname or ""

    def _origin(self, request: web.Request) -> str:
        scheme = "https" if self.secure(request) else "http"
        return f"{scheme}://{request.host}"


def under_our_names(route: Route, places: Places, auth: Auth) -> Route:
    """A route of the JSON API, which answers under names of ours only as long as nobody needs a token.

    A stranger's page has none to send: where one is asked for, the name does not matter.
    """
    handler = route.handled
    if route.scope not in _PROVEN:
        return route

    @wraps(handler)
    async def named(request: web.Request) -> web.StreamResponse:
        if auth.admitted(None, route.scope) is not None:
            places.check_host(request)
        return await handler(request)

    return replace(route, handler=named)


def arrives(request: web.Request) -> bool:
    """Whether somebody follows a link from elsewhere: a strict cookie is then at home, and not with the request."""
    return request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}


def is_browser(request: web.Request) -> bool:
    """Whether a page is wanted, and not data."""
    return "text/html" in request.headers.get("Accept", "")


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_same(one: str, other: str) -> bool:
    """Whether both are the same place, however it is written."""
    place = _place_of(one)
    return place is not None and place == _place_of(other)


def _place_of(origin: str) -> tuple[str, str, int] | None:
    """Scheme, name and port; None for what is no place of the web's."""
    try:
        parts = urlsplit(origin)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return name == "localhost" or name.endswith(".localhost")


def _lower(names: set[str]) -> set[str]:
    return {name.lower() for name in names if name}
