"""Empties a cache that holds what is wrong: a poisoned entry, an old release's shape, more than memory allows."""

from __future__ import annotations

from typing import ClassVar

from receiver.actions.by_pattern import ByPattern


class FlushCache(ByPattern):
    """Removes the keys that match the facet's `cache_patterns` (or those of them that `patterns` names), and no others.

    It counts first and refuses, with nothing removed, when more than `max_keys` match; `dry_run` stops after the count.
    Then it removes by SCAN and UNLINK in small batches with a rest after each, so that others at that Redis hardly
    notice. `whole_database` empties the database of the url (FLUSHDB ASYNC), only where the facet's
    `flushable_database` names it. It may be run again at any time; stopped half-way, the rest of the keys is still
    there.

    The database behind the cache must bear the misses that follow. In Redis, for a user of its own:
    `ACL SETUSER prunella on >PASSWORD resetkeys ~cache:* resetchannels -@all +scan +unlink +ping`, with `+select` for
    another database than 0, `+cluster|slots` in a cluster, and `+dbsize +flushdb` for `whole_database`. In a cluster
    every primary is swept. A replica is refused; Sentinel is not spoken.
    """

    patterns_key: ClassVar[str] = "cache_patterns"
