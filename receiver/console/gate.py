"""Who may see a page and whose form counts, decided before a handler runs.

The JSON API is for programs and takes a bearer token only. A page takes one, too, and otherwise whatever a browser can
prove, so its route is SIGNED and this is its proof: a request that proves nothing does not reach a page.
"""

from __future__ import annotations

from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.auth import Auth, Denied, Scope
from prunella.service.web import CHALLENGE
from receiver.console.forms import FORM, read_form
from receiver.console.page import VISITOR, Visitor


class Gate:
    """The proofs of the console's routes."""

    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    async def reads(self, request: web.Request) -> str:
        """For whoever may read. Raises Refused."""
        visitor = request[VISITOR] = self._visitor(request)
        return visitor.name

    async def operates(self, request: web.Request) -> str:
        """For whoever may operate, with a form. Raises Refused."""
        visitor = request[VISITOR] = self._visitor(request)
        if not visitor.operates:
            raise Refused(403, "scope_missing", f"{visitor.name} may read, and not operate")
        request[FORM] = await read_form(request)
        return visitor.name

    def _visitor(self, request: web.Request) -> Visitor:
        header = request.headers.get("Authorization")
        try:
            name = self._auth.client(header, Scope.READ, request.remote or "")
        except Denied as denied:
            if denied.known:
                raise Refused(403, denied.reason, str(denied)) from denied
            raise Refused(401, denied.reason, str(denied), CHALLENGE) from denied
        return Visitor(name, self._auth.admitted(header, Scope.OPERATE) is not None)
