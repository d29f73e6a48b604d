"""Looks whether the target's PostgreSQL takes a login and answers a query."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from prunella.service.settings import Duration
from receiver.checks.base import Check, Scene
from receiver.decide.verdict import Outcome, Sample
from receiver.stores.base import StoreError
from receiver.stores.postgres_session import PostgresUnseen, ping
from receiver.tools import Tools


class PostgresAnswers(Check):
    """Passes when a new login gets the answer to `SELECT 1` within `timeout`.

    A server that is away, starts up or has no connection left fails; one that hangs, or does not let us ask (password,
    database), is no data.
    """

    shorthand: ClassVar[str | None] = "ask"

    ask: Literal["ping"] = "ping"
    timeout: Annotated[Duration, Field(gt=0, le=60)] = 5.0

    def needs(self) -> str | None:
        return "postgres"

    async def sample(self, scene: Scene, tools: Tools) -> Sample:
        facet = scene.target.postgres
        if facet is None:
            return Sample(Outcome.NO_DATA, f"{scene.target.name} has no postgres to look at")
        try:
            await ping(facet, tools, self.timeout)
        except PostgresUnseen as error:
            return Sample(Outcome.NO_DATA, str(error))
        except StoreError as error:
            return Sample(Outcome.FAIL, str(error))
        return Sample(Outcome.PASS, "answered a query")
