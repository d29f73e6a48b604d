"""An app's own word on its health: the checks that it names, asked all at once and each with a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from prunella.logs import create_logger

_log = create_logger(__name__)


class Status(StrEnum):
    """Degraded still serves; unhealthy does not."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Report:
    """One look. Only words, because the page is open: why a check failed is in the log."""

    status: Status
    checks: Mapping[str, Status]

    @property
    def http_status(self) -> int:
        """What to answer it with."""
        return 503 if self.status is Status.UNHEALTHY else 200

    def as_json(self) -> dict[str, object]:
        """The body of the answer."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"status": self.status, "timestamp": now, "checks": dict(self.checks)}


@dataclass(frozen=True, slots=True)
class _Check:
    run: Callable[[], Awaitable[object]]
    failed: Status
    timeout: float


class Checks:
    """The checks of one app."""

    def __init__(self) -> None:
        self._checks: dict[str, _Check] = {}

    def add(
        self,
        name: str,
        run: Callable[[], Awaitable[object]],
        *,
        critical: bool = True,
        timeout: float = 1.0,
    ) -> None:
        """Names a check. It fails by raising; one that is not critical only degrades."""
        failed = Status.UNHEALTHY if critical else Status.DEGRADED
        self._checks[name] = _Check(run, failed, timeout)

    async def report(self) -> Report:
        """Runs every check."""
        ran = (asyncio.wait_for(check.run(), check.timeout) for check in self._checks.values())
        answers = await asyncio.gather(*ran, return_exceptions=True)
        found: dict[str, Status] = {}
        for (name, check), answer in zip(self._checks.items(), answers, strict=True):
            failed = isinstance(answer, BaseException)
            found[name] = check.failed if failed else Status.HEALTHY
            if failed:
                _log.warning("health check failed", check=name, error=answer)
        worst = max(found.values(), key=list(Status).index, default=Status.HEALTHY)
        return Report(worst, found)


CHECKS = Checks()  # the app's own: what `/health` of the middleware answers
add_check = CHECKS.add
