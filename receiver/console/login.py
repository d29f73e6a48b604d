"""How a browser gets a session, and ends it."""

from __future__ import annotations

import math

from aiohttp import web

from prunella.logs import create_logger
from prunella.service.answers import Refused
from prunella.service.auth import Auth, Denied, Scope
from receiver.console import cookies
from receiver.console.attempts import Attempts
from receiver.console.destinations import Destinations
from receiver.console.forms import Form, read_form
from receiver.console.frame import render, see
from receiver.console.gate import LOGIN, Gate
from receiver.console.places import arrives
from receiver.stages.context import Context
from receiver.web.patience import promptly

log = create_logger("prunella.receiver.access")


class Login:
    """GET and POST of /login, POST of /logout."""

    def __init__(self, context: Context, auth: Auth, gate: Gate, pages: Destinations) -> None:
        self._context, self._auth, self._gate, self._pages = context, auth, gate, pages
        self._attempts = Attempts(context.tools.clock)

    async def show(self, request: web.Request) -> web.Response:
        """The form; whoever needs none goes on."""
        then = self._pages.lead(request.query.get("next"))
        if arrives(request):
            # a strict cookie does not come along from elsewhere: from this page it does
            return render(request, "arrived.html", then=then)
        if await promptly(self._gate.visitor(request)) is not None:
            return see(then)
        return render(request, "login.html", then=then, trouble="")

    async def enter(self, request: web.Request) -> web.Response:
        """A token in, a session out."""
        self._gate.places.check_host(request)
        self._gate.places.check_origin(request)
        form = await read_form(request)
        # with no other request in between, or many would be let in before the first of them has failed
        address = self._gate.places.address(request)
        self._may_try(address)
        token = form.get("token", "").strip()
        try:
            name = self._auth.client(f"Bearer {token}", Scope.READ, address)
        except Denied:
            self._attempts.failed(address)
            trouble = "This token opens nothing here. It needs the scope read or operate."
            then = self._pages.lead(form.get("next"))
            return render(request, "login.html", status=401, then=then, trouble=trouble)
        return await self._begin(request, form, token, name)

    async def leave(self, request: web.Request) -> web.Response:
        """The session is over, for every receiver."""
        secure = self._gate.places.secure(request)
        secret = cookies.secret_of(request, secure=secure)
        if secret is not None:
            await self._gate.sessions.end(secret)
        response = see(LOGIN)
        cookies.forget(response, secure=secure)
        return response

    def _may_try(self, address: str) -> None:
        wait = self._attempts.wait(address)
        if wait:
            text = "too many attempts: wait, or use the command line"
            raise Refused(429, "too_many_attempts", text, {"Retry-After": str(math.ceil(wait))})

    async def _begin(self, request: web.Request, form: Form, token: str, name: str) -> web.Response:
        places = self._gate.places
        log.info("a session begins", by=name, address=places.address(request))
        response = see(self._pages.lead(form.get("next")))
        cookies.keep(
            response,
            await promptly(self._gate.sessions.begin(token)),
            secure=places.secure(request),
            seconds=self._context.settings().server.console.session,
        )
        return response
