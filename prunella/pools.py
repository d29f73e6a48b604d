"""Connection pools of an app: one line each, whatever library they are of.

Each library says in its own words how many connections it has; how long an app waits for one, hardly any says. So the one
method by which a connection is got is timed: the pool becomes an instance of a class derived from its own.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any

from prunella.metrics import SHARED, Gauge, Histogram

_CONNECTIONS = Gauge(
    "db_pool_connections", "Connections of a pool.", ["pool", "state"], multiprocess_mode="livesum"
)
_MOST = Gauge(
    "db_pool_connections_max",
    "How many connections a pool may have; absent where it has no limit.",
    ["pool"],
    multiprocess_mode="livesum",
)
_WAITERS = Gauge(
    "db_pool_waiters",
    "Callers that wait for a connection of a pool.",
    ["pool"],
    multiprocess_mode="livesum",
)
_ACQUIRED = Histogram(
    "db_pool_acquire_seconds",
    "How long a caller waited for a connection of a pool, in vain or not.",
    ["pool"],
    buckets=(0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
_UNLIMITED = 2**31 - 1
_REFRESHED = 5.0


@dataclass(frozen=True, slots=True)
class Reading:
    """A pool at one moment."""

    in_use: int
    idle: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Library:
    """How the pools of one library are read."""

    method: str  # by which a connection is got
    read: Callable[[Any], Reading]


def _asyncpg(pool: Any) -> Reading:
    idle = pool.get_idle_size()
    return Reading(pool.get_size() - idle, idle, pool.get_max_size())


def _psycopg(pool: Any) -> Reading:
    stats: Mapping[str, int] = pool.get_stats()
    idle = stats["pool_available"]
    return Reading(stats["pool_size"] - idle, idle, stats["pool_max"])


def _sqlalchemy(pool: Any) -> Reading:
    overflow = pool._max_overflow  # noqa: SLF001 - there is no other way to the limit
    most = None if overflow < 0 else pool.size() + overflow
    return Reading(pool.checkedout(), pool.checkedin(), most)


def _redis(pool: Any) -> Reading:
    most = pool.max_connections if pool.max_connections < _UNLIMITED else None
    if hasattr(pool, "_in_use_connections"):
        idle = len(pool._available_connections)  # noqa: SLF001 - redis-py counts for itself only
        return Reading(len(pool._in_use_connections), idle, most)  # noqa: SLF001 - as in the line before
    idle = sum(connection is not None for connection in list(pool.pool.queue))  # the blocking one
    return Reading(len(pool._connections) - idle, idle, most)  # noqa: SLF001 - as in the line before


_LIBRARIES: Mapping[str, Library] = {  # by what only its pools have
    "get_idle_size": Library("_acquire", _asyncpg),
    "get_stats": Library("getconn", _psycopg),
    "checkedout": Library("connect", _sqlalchemy),
    "get_connection": Library("get_connection", _redis),
}


class Watched:
    """A pool that is shown until `stop`."""

    def __init__(self, owner: Any, name: str) -> None:
        self._owner, self._name = owner, name
        self._waiting, self._counting = 0, Lock()
        self._seconds = _ACQUIRED.labels(name)
        self._stopped = Event()
        self._pool()  # what cannot be watched is said at once
        if SHARED:
            Thread(target=self._refresh, name=f"pool {name}", daemon=True).start()
        else:
            self._show()

    def stop(self) -> None:
        """Its gauges go, and nobody is timed any more."""
        self._stopped.set()
        if not SHARED:
            for gauge in (_CONNECTIONS, _MOST, _WAITERS):
                gauge.remove_by_labels({"pool": self._name})
        pool = pool_of(self._owner)
        if getattr(type(pool), "watched_by", None) is self:
            pool.__class__ = type(pool).__bases__[0]

    def read(self) -> Reading:
        """As it is now."""
        pool, library = self._pool()
        return library.read(pool)

    def _show(self) -> None:
        """Whenever somebody looks."""
        name = self._name
        _CONNECTIONS.labels(name, "in_use").set_function(lambda: self.read().in_use)
        _CONNECTIONS.labels(name, "idle").set_function(lambda: self.read().idle)
        _WAITERS.labels(name).set_function(lambda: self._waiting)
        if self.read().most is not None:
            _MOST.labels(name).set_function(lambda: self.read().most or 0)

    def _refresh(self) -> None:
        """Now and then: in files that processes share, a gauge cannot be a function."""
        while True:
            reading = self.read()
            _CONNECTIONS.labels(self._name, "in_use").set(reading.in_use)
            _CONNECTIONS.labels(self._name, "idle").set(reading.idle)
            _WAITERS.labels(self._name).set(self._waiting)
            if reading.most is not None:
                _MOST.labels(self._name).set(reading.most)
            if self._stopped.wait(_REFRESHED):
                return

    def _pool(self) -> tuple[Any, Library]:
        """The pool itself, which an engine may have made anew."""
        pool = pool_of(self._owner)
        library = library_of(pool)
        if getattr(type(pool), "watched_by", None) is not self:
            pool.__class__ = self._timed(type(pool), library.method)
        return pool, library

    def _timed(self, kind: type, method: str) -> type:
        if hasattr(kind, "watched_by"):
            kind = kind.__bases__[0]
        original = getattr(kind, method)
        watched = self

        def acquire(pool: Any, *args: Any, **kwargs: Any) -> Any:
            with watched.waiting() as wait:
                got = original(pool, *args, **kwargs)
                wait.later = inspect.isawaitable(got)
            return watched.awaited(got) if wait.later else got

        parts = {
            "__slots__": (),
            "watched_by": self,
            method: acquire,
            "__module__": kind.__module__,
        }
        return type(kind)(kind.__name__, (kind,), parts)

    def waiting(self) -> Wait:
        """Around the wait for a connection, whether there is one in the end or not."""
        return Wait(self)

    async def awaited(self, got: Awaitable[Any]) -> Any:
        """The same where it is awaited."""
        with self.waiting():
            return await got

    def one_more(self, change: int) -> None:
        """One more waits, or one less."""
        with self._counting:
            self._waiting += change

    def waited(self, seconds: float) -> None:
        """One has waited so long."""
        self._seconds.observe(seconds)


class Wait:
    """Somebody wants a connection, until they have it or give up."""

    __slots__ = ("_began", "_pool", "later")

    def __init__(self, pool: Watched) -> None:
        self._pool = pool
        self.later = False  # what was got has to be awaited: it has only been asked for

    def __enter__(self) -> Wait:
        self._pool.one_more(1)
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.one_more(-1)
        if not self.later:
            self._pool.waited(time.perf_counter() - self._began)


_watched: dict[str, Watched] = {}


def watch_pool(pool: object, name: str) -> Watched:
    """Shows a pool of asyncpg, psycopg, SQLAlchemy (or its engine) or redis (or its client) as `db_pool_*{pool=name}`.

    Another pool of the same name takes its place.
    """
    before = _watched.pop(name, None)
    if before is not None:
        before.stop()
    found = _watched[name] = Watched(pool, name)
    return found


def pool_of(owner: Any) -> Any:
    """The pool of an engine or a client; itself, if it is one."""
    owner = getattr(owner, "sync_engine", owner)
    for attribute in ("connection_pool", "pool"):
        inner = getattr(owner, attribute, None)
        if inner is not None and any(hasattr(inner, mark) for mark in _LIBRARIES):
            return inner
    return owner


def library_of(pool: object) -> Library:
    """Raises TypeError if it is of none."""
    for mark, library in _LIBRARIES.items():
        if hasattr(pool, mark):
            return library
    raise TypeError(
        f"{type(pool).__name__} is no pool of asyncpg, psycopg_pool, SQLAlchemy or redis that counts its connections"
    )
