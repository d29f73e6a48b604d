"""Which route template an ASGI request was answered by: `/orders/{id}`, not `/orders/7`, with the prefixes of all mounts.

The frameworks leave the route they found in the scope; where it hangs in the tree is looked up once for each route,
instead of matching the path a second time for every request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prunella.cardinality import OTHER
from prunella.middleware.measure import Route, route_of

_MOST = 10_000
_DEEPEST = 16


class Templates:
    """Of Starlette 1 and of all FastAPI, and of what else leaves `path_template` in the scope (Litestar)."""

    def __init__(self, app: object) -> None:
        self._app = app
        # the route is kept with its template, so that no other gets its id
        self._known: dict[int, tuple[object, str]] = {}
        self._prefixes: dict[int, str] = {}
        self._routes: dict[tuple[int, str], tuple[object, Route]] = {}

    def route(self, scope: Mapping[str, Any]) -> Route:
        """The series of this request: one look, where it has been here before."""
        # `_key`, without the call, where it is a route that no router has included
        key = None if "fastapi" in scope else scope.get("route")
        key, method = key or _key(scope), scope["method"]
        found = self._routes.get((id(key), method))
        if found is not None:
            return found[1]
        route = route_of(method, self.of(scope))
        if key is not None:
            if len(self._routes) > _MOST:
                self._routes.clear()
            self._routes[id(key), method] = key, route
        return route

    def of(self, scope: Mapping[str, Any]) -> str:
        """The template; `other` when no route matched."""
        key = _key(scope)
        if key is None:
            return str(scope.get("path_template", OTHER))
        found = self._known.get(id(key))
        return found[1] if found is not None else self._learn(key, scope)

    def _learn(self, key: object, scope: Mapping[str, Any]) -> str:
        if len(self._known) > _MOST:
            self._known.clear()
        self._walk(self._app, "", _DEEPEST)
        found = self._known.get(id(key))
        if found is not None:
            return found[1]
        own = _own(key)
        prefix = self._prefixes.get(id(scope.get("app")), "")
        template = OTHER if own is None else prefix + own
        self._known[id(key)] = (key, template)
        return template

    def _walk(self, node: object, prefix: str, depth: int) -> None:
        routes = _routes(node)
        if depth == 0:
            return
        for route in routes:
            own = _own(route)
            if own is not None:
                self._known.setdefault(id(route), (route, prefix + own))
                endpoint = getattr(route, "endpoint", None) or _mounted(route)
                if endpoint is not None:
                    self._known.setdefault(id(endpoint), (endpoint, prefix + own))
            mounted = _mounted(route)
            if mounted is not None:
                below = prefix + str(getattr(route, "path", ""))
                self._prefixes.setdefault(id(mounted), below)
                self._walk(mounted, below, depth - 1)


def _key(scope: Mapping[str, Any]) -> object | None:
    """What the framework found, as an object."""
    included = scope.get("fastapi")  # a router that was included says there with which prefix
    if included:
        context: object | None = included.get("effective_route_context")
        if context is not None:
            return context
    return scope.get("route") or scope.get("endpoint")


def _routes(node: object) -> Iterable[object]:
    """Those of the app, which may be behind other middleware."""
    for _ in range(_DEEPEST):
        if node is None or hasattr(node, "routes"):
            break
        node = getattr(node, "app", None)
    return list(getattr(node, "routes", None) or ())


def _mounted(route: object) -> object | None:
    """The app below a Mount or a Host."""
    if getattr(route, "routes", None) is None:
        return None
    return getattr(route, "_base_app", None) or getattr(route, "app", None)


def _own(route: object) -> str | None:
    template = getattr(route, "path_format", None)
    return template if template is not None else getattr(route, "path", None)
