"""Puts the receiver together: journal, tools, pipeline and web, started in the order in which they need each other."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from prunella.logs import create_logger
from prunella.service.auth import Auth, Scope, Token
from prunella.service.clock import Clock, SystemClock
from prunella.service.reload import Live
from prunella.service.settings import ConfigError, Problem
from prunella.service.tasks import Tasks
from prunella.service.web import Service
from receiver.consistency import build_action
from receiver.console.places import Places, under_our_names
from receiver.console.routes import Console
from receiver.decide.plan import Mode, Rung
from receiver.decide.schedule import Schedule
from receiver.journal import Journal, JournalInUse, JournalUnavailable
from receiver.journal.engines import open_engine
from receiver.outside.alertmanager import AlertmanagerApi
from receiver.outside.http import KEEP, open_http
from receiver.outside.ourselves import own_pids
from receiver.outside.pictures import OF_INCIDENTS, Pictures
from receiver.outside.programs import SystemPrograms
from receiver.outside.prometheus import PrometheusApi
from receiver.outside.silences import SilencesApi
from receiver.outside.survivors import ProcessTable
from receiver.pipeline import LEASE, Pipeline
from receiver.settings import ReceiverSettings
from receiver.stages.backups import BackupGauges
from receiver.stages.calendars import Calendars
from receiver.stages.context import Context
from receiver.stages.heartbeat import Heartbeat
from receiver.tools import Alertmanager, Http, Tools
from receiver.web.patience import patient
from receiver.web.routes import routes
from receiver.zeroes import begin_at_zero

log = create_logger("prunella.receiver")
DRAIN = 5.0
IMPLIES = {Scope.OPERATE: (Scope.READ, Scope.METRICS), Scope.READ: (Scope.METRICS,)}
ONLY_AT_START = ("server", "journal", "prometheus", "alertmanager", "executables")


@asynccontextmanager
async def receiver(
    live: Live[ReceiverSettings],
    folder: Path,
    clock: Clock | None = None,
    lease: float = LEASE,
    around: Callable[[Context], Context] = lambda context: context,
) -> AsyncIterator[Service]:
    """Everything but the listening socket. Raises ConfigError when the journal or a program cannot be had.

    `around` is for who wants to stand between the receiver and its journal and tools; no config and no environment can.
    """
    settings = live.current
    programs = executables(settings)
    journal, clock = await _open(settings, folder, clock or SystemClock())
    tasks = Tasks(clock)
    async with open_http() as http, open_http(KEEP) as post:
        tools = _tools(settings, http, clock, programs)
        context = around(Context(journal, tools, lambda: live.current, ProcessTable()))
        if context.tools.http is http:  # who stands between stands before letters, too
            context = replace(context, post=post)
        pipeline = Pipeline(context, f"{socket.gethostname()}-{os.getpid()}", lease)
        auth = Auth(
            tokens(settings),
            implies=IMPLIES,
            open_when_unset=_open_to_all(settings),
            clock=clock,
        )
        _start(tasks, pipeline, settings, context.tools.alertmanager)
        tasks.start("heartbeat", Heartbeat(context).beat)
        tasks.start("backups", BackupGauges(context).watch)
        tasks.start("calendars", Calendars(context).keep)
        senders = _Senders(tasks, pipeline)
        senders.begin(settings.channels)
        begin_at_zero(settings)
        live.on_reload(_apply(lambda: live.current, auth, senders, pipeline, programs))
        try:
            yield _service(live, context, pipeline, auth, tasks)
        finally:
            await tasks.stop()
            await pipeline.drain(DRAIN)
            await journal.close()


def executables(settings: ReceiverSettings) -> dict[str, str]:
    """The programs that ladders may start, by absolute path. Raises ConfigError for a missing one, unless in shadow."""
    found = {name: str(path) for name, path in settings.executables.items()}
    problems = [
        Problem(f"executables.{name}", f"{path} is not a program: give the absolute path of one")
        for name, path in found.items()
        if not (Path(path).is_absolute() and os.access(path, os.X_OK))
    ]
    for at, name in _needed(settings):
        path = found.get(name) or shutil.which(name)
        if path is not None and os.access(path, os.X_OK):
            found[name] = path
        elif name not in found:
            cure = "install it, or say where it is under `executables`"
            problems.append(Problem(at, f"there is no program {name}: {cure}"))
    found = {**_by_hand(settings), **found}
    if problems and settings.mode is not Mode.SHADOW:
        raise ConfigError(problems)
    for problem in problems:
        log.warning("a program is missing", path=problem.path, problem=problem.message)
    return found


def _by_hand(settings: ReceiverSettings) -> dict[str, str]:
    """What a repair by hand may need although no ladder does: taken where it is found, missed by nobody else."""
    facets = (
        one for target in settings.targets.values() for one in (target.process, target.release)
    )
    names = {name for one in facets if one is not None for name in one.programs()}
    paths = {name: shutil.which(name) for name in names}
    return {name: path for name, path in paths.items() if path is not None}


def _needed(settings: ReceiverSettings) -> Iterator[tuple[str, str]]:
    """Where in the config a program is needed, and its name; each once."""
    seen: set[str] = set()
    for at, rung in _orders(settings):
        action = build_action(rung.action, rung.options)
        for name in settings.targets if rung.on is None else rung.on:
            for program in set(action.executables(settings.targets[name])) - seen:
                seen.add(program)
                yield at, program


def _orders(settings: ReceiverSettings) -> Iterator[tuple[str, Rung | Schedule]]:
    """Whatever has an action, its options and its targets."""
    for number, playbook in enumerate(settings.playbooks):
        for rung_number, rung in enumerate(playbook.ladder):
            yield f"playbooks[{number}].ladder[{rung_number}]", rung
    for number, schedule in enumerate(settings.schedules):
        yield f"schedules[{number}]", schedule


def tokens(settings: ReceiverSettings) -> Mapping[Scope, tuple[Token, ...]]:
    """Who may do what."""
    return {
        Scope.WEBHOOK: settings.auth.webhook,
        Scope.OPERATE: settings.auth.operate,
        Scope.READ: settings.auth.read,
    }


def _open_to_all(settings: ReceiverSettings) -> bool:
    """Without any token: only where nobody else can come from and nothing can be done."""
    return settings.auth.empty and settings.listen.loopback and settings.mode is Mode.SHADOW


async def _open(settings: ReceiverSettings, folder: Path, clock: Clock) -> tuple[Journal, Clock]:
    try:
        return await open_engine(settings.journal.get_secret_value(), folder, clock)
    except (JournalInUse, JournalUnavailable) as error:
        raise ConfigError([Problem("journal", str(error))]) from error


def _tools(
    settings: ReceiverSettings, http: Http, clock: Clock, programs: Mapping[str, str]
) -> Tools:
    prometheus, alertmanager = settings.prometheus, settings.alertmanager
    pictures = Pictures(OF_INCIDENTS)
    return Tools(
        clock=clock,
        http=http,
        programs=SystemPrograms(),
        prometheus=PrometheusApi(http, prometheus.url) if prometheus is not None else None,
        alertmanager=AlertmanagerApi(http, alertmanager.urls) if alertmanager is not None else None,
        executables=programs,
        ourselves=own_pids(),
        pictures=pictures if pictures.can_draw else None,
        silencer=(
            SilencesApi(http, alertmanager.urls)
            if alertmanager is not None and alertmanager.silence_while_healing
            else None
        ),
    )


def _start(
    tasks: Tasks, pipeline: Pipeline, settings: ReceiverSettings, alertmanager: Alertmanager | None
) -> None:
    tasks.start("pipeline", pipeline.work)
    tasks.start("leases", pipeline.keep_leases)
    tasks.start("gauges", pipeline.measure)
    tasks.start("upkeep", pipeline.upkeep)
    tasks.start("schedules", pipeline.schedule)
    tasks.start("launches", pipeline.watch_launches)
    tasks.start("versions", pipeline.watch_versions)
    tasks.start("retention", pipeline.retain)
    if alertmanager is not None and settings.alertmanager is not None:
        every = settings.alertmanager.reconcile
        tasks.start("reconcile", lambda: pipeline.reconcile(alertmanager, every))


class _Senders:
    """One sender a channel's name, for as long as the process lives.

    That of a channel that a reload took out idles, so that one of the same name that comes back has it, and not two.
    """

    def __init__(self, tasks: Tasks, pipeline: Pipeline) -> None:
        self._tasks, self._pipeline = tasks, pipeline
        self._begun: set[str] = set()

    def begin(self, names: Iterable[str]) -> None:
        for name in set(names) - self._begun:
            self._begun.add(name)
            self._tasks.start(f"channel-{name}", partial(self._pipeline.send, name))


def _apply(
    current: Callable[[], ReceiverSettings],
    auth: Auth,
    senders: _Senders,
    pipeline: Pipeline,
    programs: dict[str, str],
) -> Callable[[ReceiverSettings], Awaitable[None]]:
    async def apply(new: ReceiverSettings) -> None:
        old = current()
        problems = [
            Problem(key, "was changed: this needs a restart, the old config stays in force")
            for key in ONLY_AT_START
            if getattr(new, key) != getattr(old, key)
        ]
        if problems:
            raise ConfigError(problems)
        programs.update(executables(new))  # the dict that the tools look into
        auth.replace(tokens(new), open_when_unset=_open_to_all(new))
        senders.begin(new.channels)
        begin_at_zero(new)
        pipeline.wake()

    return apply


def _service(
    live: Live[ReceiverSettings], context: Context, pipeline: Pipeline, auth: Auth, tasks: Tasks
) -> Service:
    settings = live.current
    console, places = Console(context, pipeline.wake, auth), Places(settings.server)
    return Service(
        listen=settings.listen,
        routes=(
            *(
                under_our_names(patient(one), places, auth)
                for one in routes(context, pipeline.wake, tasks.start)
            ),
            *console.routes(),
        ),
        leaving=console.end,
        auth=auth,
        ready=lambda: pipeline.trouble,
        reload=live.reload,
        metrics_scope=Scope.METRICS if settings.auth.metrics_auth else Scope.OPEN,
        max_body=settings.server.max_body,
        tls=_tls(settings),
    )


def _tls(settings: ReceiverSettings) -> ssl.SSLContext | None:
    files = settings.server.tls
    if files is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(files.cert_file, files.key_file)
        if files.client_ca_file is not None:
            context.load_verify_locations(files.client_ca_file)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:
        raise ConfigError([Problem("server.tls", f"cannot be used: {error}")]) from error
    return context
