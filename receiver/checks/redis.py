"""Looks whether the target's Redis answers. Silence is a failure here: the thing that was repaired is what is asked."""

from __future__ import annotations

from typing import ClassVar, Literal

from redis.exceptions import AuthenticationError, RedisError, ResponseError

from receiver.checks.base import Check, Scene
from receiver.decide.verdict import Outcome, Sample
from receiver.stores.redis_errors import explain
from receiver.stores.redis_store import connected
from receiver.tools import Tools

_CURE = "it needs `ACL SETUSER … +ping`"


class RedisAnswers(Check):
    """Passes when the target's Redis answers PING within the facet's `timeout`; needs `+ping` of its user.

    A server that is away, hangs, or is still loading its data fails; one that does not let us ask is no data. Of a
    cluster the node in the url is asked.
    """

    shorthand: ClassVar[str | None] = "ask"

    ask: Literal["ping"] = "ping"

    def needs(self) -> str | None:
        return "redis"

    async def sample(self, scene: Scene, tools: Tools) -> Sample:
        facet = scene.target.redis
        if facet is None:
            return Sample(Outcome.NO_DATA, f"{scene.target.name} has no redis to look at")
        try:
            async with connected(facet) as client:
                await client.ping()
        except (AuthenticationError, ResponseError) as error:
            return Sample(Outcome.NO_DATA, f"redis: {explain(error, _CURE)}")
        except (RedisError, OSError) as error:
            return Sample(Outcome.FAIL, f"redis: {explain(error, _CURE)}")
        return Sample(Outcome.PASS, "redis answered PING")
