"""Who may see a page and whose form counts, decided before a handler runs.

The JSON API is for programs and takes a bearer token only. A page takes one, too, and otherwise what a browser proves
with each request by itself: a session's cookie, a proxy's header, or nothing where nothing is asked for. So a page's route
is SIGNED and this is its proof. What a browser proves by itself it proves for strangers' forms as well; hence a form
counts only if it was sent from a page of ours (Origin, Sec-Fetch-Site) and holds that visitor's token.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlencode

from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.auth import Auth, Denied, Scope
from prunella.service.route import CHALLENGE, SIGNATURE
from receiver.console.cookies import secret_of
from receiver.console.forms import FORM, read_form
from receiver.console.page import VISITOR, Visitor
from receiver.console.places import Places, is_browser
from receiver.console.sessions import Sessions
from receiver.console.vouched import Vouched
from receiver.stages.context import Context
from receiver.web.patience import promptly

LOGIN = "/login"


class Gate:
    """The proofs of the console's routes."""

    def __init__(self, context: Context, auth: Auth) -> None:
        self._auth = auth
        self.places = Places(context.settings().server)
        self.sessions = Sessions(context, auth)
        self._vouched = Vouched(context, auth)

    async def reads(self, request: web.Request) -> str:
        """For whoever may read. Raises Refused."""
        return (await self._admitted(request)).name

    async def operates(self, request: web.Request) -> str:
        """For whoever may operate, with a form. Raises Refused."""
        visitor = await self._admitted(request)
        if not visitor.operates:
            raise self._turned_away(request, "scope_missing", f"{visitor.name} may only read")
        await self._take_form(request, visitor)
        return visitor.name

    async def leaves(self, request: web.Request) -> str:
        """For whoever may read, with a form that concerns nobody else. Raises Refused."""
        visitor = await self._admitted(request)
        await self._take_form(request, visitor)
        return visitor.name

    async def visitor(self, request: web.Request) -> Visitor | None:
        """Who a browser is. Raises Refused for a name that is not ours."""
        self.places.check_host(request)
        found = await self._vouched.by_proxy(request)
        secret = secret_of(request, secure=self.places.secure(request))
        if found is None and secret is not None:
            found = await self.sessions.find(secret)
        return found or await self._vouched.by_nobody()

    def disproved(self, request: web.Request, denied: Denied) -> Refused:
        """What a proof that has failed is answered with; it is counted."""
        self._auth.refused(self.places.address(request), denied)
        return Refused(401, denied.reason, str(denied), SIGNATURE)

    async def _admitted(self, request: web.Request) -> Visitor:
        visitor = self._with_token(request) or await promptly(self.visitor(request))
        if visitor is None:
            raise self._nobody(request)
        request[VISITOR] = visitor
        return visitor

    def _with_token(self, request: web.Request) -> Visitor | None:
        """A program's; a proxy may have passed on its own `Authorization: Basic`."""
        header = request.headers.get("Authorization", "")
        if not header.lower().startswith("bearer "):
            return None
        try:
            name = self._auth.client(header, Scope.READ, self.places.address(request))
        except Denied as denied:
            if denied.known:
                raise Refused(403, denied.reason, str(denied)) from denied
            raise Refused(401, denied.reason, str(denied), CHALLENGE) from denied
        return Visitor(name, self._auth.admitted(header, Scope.OPERATE) is not None)

    def _nobody(self, request: web.Request) -> Refused:
        if not is_browser(request):
            why = "a bearer token or a session is needed"
            self._auth.refused(self.places.address(request), Denied(why, reason="token_missing"))
            return Refused(401, "token_missing", why, CHALLENGE)
        then = request.rel_url.raw_path_qs if request.method in {"GET", "HEAD"} else "/"
        where = f"{LOGIN}?{urlencode({'next': then})}"
        return Refused(303, "login_needed", "log in", {"Location": where})

    async def _take_form(self, request: web.Request, visitor: Visitor) -> None:
        if visitor.csrf is not None:
            self._from_our_page(request)
        form = request[FORM] = await read_form(request)
        said = form.get("csrf", "").encode()
        if visitor.csrf is not None and not hmac.compare_digest(said, visitor.csrf.encode()):
            why = "the form was made for somebody else, or is too old: reload the page"
            raise self._turned_away(request, "csrf", why)

    def _from_our_page(self, request: web.Request) -> None:
        try:
            self.places.check_origin(request)
        except Refused as refused:
            raise self._turned_away(request, refused.reason, str(refused)) from refused

    def _turned_away(self, request: web.Request, reason: str, why: str) -> Refused:
        self._auth.refused(self.places.address(request), Denied(why, reason=reason))
        return Refused(403, reason, why)
