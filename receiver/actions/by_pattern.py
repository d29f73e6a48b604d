"""What `flush_cache` and `clear_rate_limits` share: keys of a Redis, by patterns that the target's config names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import Field

from prunella.service.rules import Rule, is_given
from receiver.actions.at_store import in_time
from receiver.actions.base import Action, ActionFailed, Done, Effect
from receiver.stores.key_patterns import KeyPattern
from receiver.stores.redis_keys import Sweep, Swept, flush_database, sweep
from receiver.stores.redis_store import RedisFacet
from receiver.targets import Target
from receiver.tools import Tools


class ByPattern(Action):
    """Removes keys of the target's Redis; `patterns_key` names those of the facet that may be removed."""

    cancel_safe: ClassVar[bool] = True
    patterns_key: ClassVar[str]

    patterns: Annotated[tuple[KeyPattern, ...], Field(min_length=1)] | None = None
    max_keys: Annotated[int, Field(ge=1)] = 1_000_000
    whole_database: bool = False
    dry_run: bool = False

    @Rule
    def _either(self) -> Iterator[str]:
        if self.whole_database and is_given(self, "patterns"):
            yield "give patterns or whole_database, not both"

    @property
    def idempotent(self) -> bool:
        return True

    def needs(self) -> str | None:
        return "redis"

    def objection(self, target: Target) -> str | None:
        facet = target.redis
        if facet is None:
            return "it has no redis facet"
        if self.whole_database:
            named = facet.flushable_database == facet.database
            cure = f"write `flushable_database: {facet.database}` into its redis facet if nothing else lives there"
            return None if named else f"the whole database may not be flushed: {cure}"
        known: tuple[str, ...] = getattr(facet, self.patterns_key)
        if not known:
            return f"its redis facet names no {self.patterns_key}"
        foreign = [pattern for pattern in self.patterns or () if pattern not in known]
        if foreign:
            listed = ", ".join(known)
            return f"{', '.join(foreign)} is none of its redis.{self.patterns_key}: {listed}"
        return None

    async def run(self, effect: Effect, tools: Tools) -> Done:
        objection, facet = self.objection(effect.target), effect.target.redis
        if objection is not None or facet is None:
            raise ActionFailed(f"{effect.target.name}: {objection}", started=False)
        began = tools.clock.monotonic()
        swept = await in_time(effect, self._remove(facet, tools))
        took = tools.clock.monotonic() - began
        counts = {"scanned": swept.scanned, "deleted": swept.deleted}
        return Done(f"{self._said(facet, swept)} in {took:.1f} s", counts)

    async def _remove(self, facet: RedisFacet, tools: Tools) -> Swept:
        known: tuple[str, ...] = getattr(facet, self.patterns_key)
        wish = Sweep(facet, self.patterns or known, self.max_keys, self.dry_run)
        return await (flush_database if self.whole_database else sweep)(wish, tools)

    def _said(self, facet: RedisFacet, swept: Swept) -> str:
        known: tuple[str, ...] = getattr(facet, self.patterns_key)
        patterns = " ".join(self.patterns or known)
        where = f"database {facet.database}" if self.whole_database else patterns
        if self.dry_run:
            return f"found {swept.scanned:,} keys of {where} and deleted none (dry_run)"
        return f"deleted {swept.deleted:,} of {swept.scanned:,} keys of {where}"
