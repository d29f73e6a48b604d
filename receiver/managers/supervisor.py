"""Programs under supervisord, by its own XML-RPC interface: the one that supervisorctl uses.

A restart is a stop and a start, because the interface has no restart. The stop is waited for: a start that is asked for
while the program is still stopping is answered with success and does nothing.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import socket
import xmlrpc.client
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, ClassVar
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

from pydantic import AfterValidator

from prunella.service.settings import Secret
from receiver.managers.base import Manager, ManagerError, ProcessState, ProcessStatus, Verb
from receiver.managers.pids import not_catching, resident_of
from receiver.tools import Tools

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_ANSWER = 1 << 20
_STOP_POLL = 0.1
_RESCUE = 12.0  # supervisord kills what has not stopped after 10 s, unless told otherwise
_NEXT_TURN = 2  # seconds in which supervisord starts again what has exited, where it does so at all
_BAD_NAME, _ALREADY_STARTED, _NOT_RUNNING = 10, 60, 70
_STATES = {
    "RUNNING": ProcessState.UP,
    "STARTING": ProcessState.STARTING,
    "BACKOFF": ProcessState.STARTING,
    "STOPPING": ProcessState.STARTING,  # what a restart by somebody else begins with
}


def _check_url(text: str) -> str:
    parsed = urlsplit(text)
    if parsed.scheme == "unix" and parsed.path.startswith("/"):
        return text
    if parsed.scheme not in {"http", "https"} or not parsed.hostname:
        raise ValueError("must be unix:///path/of.sock or http://host:port")
    if parsed.username or parsed.password:
        raise ValueError("put the user into `username` and `password`")
    return text


def _check_name(text: str) -> str:
    group, _, program = text.rpartition(":")
    if not program or "*" in text or any(c.isspace() for c in text) or text.startswith("-"):
        raise ValueError("must be the name of one program, or group:program")
    if ":" in group or (not group and ":" in text):
        raise ValueError("must be the name of one program, or group:program")
    return text


class Supervisor(Manager):
    """A program of supervisord. `name` is the program's, or `group:program`; `url` is that of its socket or port, with
    `username` and `password` where the config of supervisord asks for them.

    supervisord has no reload: it is a restart, with a gap, and the number of processes (`numprocs`) is in its config file
    only. A signal goes to the program's own process, not to its children.

    Privileges: whoever may write to the socket may start and stop every program. supervisord gives it to one group by
    `chmod=0770` and `chown=root:prunella` under `[unix_http_server]`.
    """

    verbs: ClassVar[frozenset[Verb]] = frozenset({"restart", "reload", "signal"})
    patience: ClassVar[float] = 5.0  # for one answer
    gap: ClassVar[str] = "supervisor has no reload without one"

    name: Annotated[str, AfterValidator(_check_name)]
    url: Annotated[str, AfterValidator(_check_url)] = "unix:///var/run/supervisor.sock"
    username: str = ""
    password: Secret = Secret("")

    def objection(self, verb: Verb) -> str | None:
        if verb == "scale":
            return "supervisor runs `numprocs` of a program, and that is in its config file only"
        return super().objection(verb)

    async def status(self, tools: Tools) -> ProcessStatus:
        info = await self._info()
        return ProcessStatus(ProcessState.MISSING) if info is None else _status(info)

    async def started_from(self, tools: Tools) -> tuple[str, ...]:
        return await asyncio.to_thread(self._started_from)

    async def restart(self, tools: Tools) -> None:
        tools.require_lease()
        stopped = await self._order("stopProcess", _NOT_RUNNING, after_stop=False)
        try:
            await self._stopped(tools)
        except asyncio.CancelledError:  # what we stopped must not stay down
            with suppress(ManagerError, TimeoutError):
                async with asyncio.timeout(_RESCUE):
                    await self._stopped(tools)
                    await self._order("startProcess", _ALREADY_STARTED, after_stop=stopped)
            raise
        await self._order("startProcess", _ALREADY_STARTED, after_stop=stopped)

    async def signal(self, tools: Tools, name: str) -> None:
        pids = (await self.status(tools)).pids
        ending = await asyncio.to_thread(not_catching, pids, name) if self._local else ()
        if ending:
            raise ManagerError(
                f"pid {ending[0]} does not handle {name}: it would end", started=False
            )
        tools.require_lease()
        try:
            await asyncio.to_thread(
                self._call, "signalProcess", self.name, name.removeprefix("SIG")
            )
        except xmlrpc.client.Fault as fault:  # it refuses before it sends
            raise ManagerError(f"supervisord: {fault.faultString}", started=False) from fault

    async def resident_bytes(self, tools: Tools) -> int | None:
        if not self._local:  # its pids are another machine's
            return None
        return await asyncio.to_thread(resident_of, (await self.status(tools)).pids)

    @property
    def _local(self) -> bool:
        parsed = urlsplit(self.url)
        return parsed.scheme == "unix" or parsed.hostname in _THIS_MACHINE

    async def _stopped(self, tools: Tools) -> None:
        try:
            while (await self._info() or {}).get("statename") == "STOPPING":
                await tools.clock.sleep(_STOP_POLL)
        except ManagerError as error:
            raise ManagerError(f"stopped, but then {error}") from error

    def _started_from(self) -> tuple[str, ...]:
        """The folder and what the command names; empty where this supervisord does not say them."""
        try:
            told = self._call("getAllConfigInfo")
        except xmlrpc.client.Fault as fault:
            raise ManagerError(f"supervisord: {fault.faultString}", started=False) from fault
        every = told if isinstance(told, list) else []
        full = self.name if ":" in self.name else f"{self.name}:{self.name}"
        ours = [one for one in every if f"{one.get('group')}:{one.get('name')}" == full]
        folders = [str(one["directory"]) for one in ours if one.get("directory")]
        words = [word for one in ours for word in str(one.get("command", "")).split()]
        return tuple(word for word in (*folders, *words) if word.startswith("/"))

    async def _info(self) -> Mapping[str, object] | None:
        """What supervisord says about the program; None when it knows none of that name."""
        try:
            info = await asyncio.to_thread(self._call, "getProcessInfo", self.name)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == _BAD_NAME:
                return None
            raise ManagerError(f"supervisord: {fault.faultString}", started=False) from fault
        except ManagerError as error:
            raise ManagerError(str(error), started=False) from error
        if not isinstance(info, Mapping):
            raise ManagerError("supervisord gives no process information", started=False)
        return info

    async def _order(self, method: str, already: int, *, after_stop: bool) -> bool:
        """Whether it was done now; False when it was so already."""
        try:
            await asyncio.to_thread(self._call, method, self.name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == already:
                return False
            raise ManagerError(f"supervisord: {fault.faultString}", started=after_stop) from fault
        except ManagerError as error:
            raise ManagerError(str(error), started=error.started or after_stop) from error
        return True

    def _call(self, method: str, *params: str | bool) -> object:
        """One XML-RPC call, in a thread. Raises ManagerError, or Fault for supervisord's own refusals."""
        connection = self._connection()
        try:
            connection.connect()
        except PermissionError as error:
            cure = "give its socket to our group: `chmod` and `chown` under [unix_http_server]"
            raise ManagerError(f"may not speak to {self.url}: {cure}", started=False) from error
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise ManagerError(
                f"cannot reach supervisord at {self.url}: {why}; is it running?", started=False
            ) from error
        try:
            body = xmlrpc.client.dumps(params, f"supervisor.{method}")
            connection.request("POST", self._path(), body, self._headers())
            with connection.getresponse() as answer:
                content = answer.read(_MAX_ANSWER)
        except TimeoutError as error:
            cure = "does it hang? Its own log and its pidfile tell more"
            raise ManagerError(
                f"supervisord gave no answer within {self.patience:g} s: {cure}"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise ManagerError(f"lost supervisord at {self.url}: {type(error).__name__}") from error
        finally:
            connection.close()
        return _result(answer.status, content)

    def _connection(self) -> http.client.HTTPConnection:
        parsed = urlsplit(self.url)
        if parsed.scheme == "unix":
            return _UnixConnection(parsed.path, self.patience)
        kind = (
            http.client.HTTPSConnection if parsed.scheme == "https" else http.client.HTTPConnection
        )
        return kind(parsed.hostname or "", parsed.port, timeout=self.patience)

    def _path(self) -> str:
        parsed = urlsplit(self.url)
        return "/RPC2" if parsed.scheme == "unix" else f"{parsed.path.rstrip('/')}/RPC2"

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "text/xml", "User-Agent": "prunella"}
        if self.username:
            pair = f"{self.username}:{self.password.get_secret_value()}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return headers


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._socket_path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._socket_path)
        except OSError:
            self.close()
            raise


def _result(status: int, content: bytes) -> object:
    if status == 401:
        raise ManagerError("supervisord refuses the user name or password", started=False)
    if status != 200:
        raise ManagerError(f"supervisord answers {status}", started=status >= 500)
    try:
        values, _ = xmlrpc.client.loads(content)
    except (ExpatError, xmlrpc.client.ResponseError, ValueError, LookupError) as error:
        raise ManagerError("supervisord's answer is not XML-RPC") from error
    return values[0] if values else None


def _status(info: Mapping[str, object]) -> ProcessStatus:
    state = _STATES.get(str(info.get("statename")), ProcessState.DOWN)
    if _may_come_back(info):
        state = ProcessState.STARTING
    pid, start = info.get("pid"), info.get("start")
    known = state is not ProcessState.DOWN
    return ProcessStatus(
        state=state,
        started_at=float(start) if known and isinstance(start, int) and start > 0 else None,
        pids=(pid,) if isinstance(pid, int) and pid > 0 else (),
    )


def _may_come_back(info: Mapping[str, object]) -> bool:
    now, stop = info.get("now"), info.get("stop")
    just = isinstance(now, int) and isinstance(stop, int) and now - stop < _NEXT_TURN
    return info.get("statename") == "EXITED" and just
