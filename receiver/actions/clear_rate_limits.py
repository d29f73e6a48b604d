"""Forgets what a rate limiter has counted: after an outage it goes on refusing those who came back too often."""

from __future__ import annotations

from typing import ClassVar

from receiver.actions.by_pattern import ByPattern


class ClearRateLimits(ByPattern):
    """Removes the keys that match the facet's `rate_limit_patterns` (or those of them that `patterns` names).

    It counts first and refuses, with nothing removed, when more than `max_keys` match; `dry_run` stops after the count.
    Then it removes by SCAN and UNLINK in small batches with a rest after each. `whole_database` empties the database of
    the url (FLUSHDB ASYNC), only where the facet's `flushable_database` names it. It may be run again at any time.

    Until the counters have filled again, everybody has their full allowance, also who was refused for a reason. In
    Redis, for a user of its own: `ACL SETUSER prunella on >PASSWORD resetkeys ~rl:* resetchannels -@all +scan +unlink
    +ping`, with `+select` for another database than 0, `+cluster|slots` in a cluster, and `+dbsize +flushdb` for
    `whole_database`. A replica is refused; Sentinel is not spoken.
    """

    disruptive: ClassVar[bool] = False
    patterns_key: ClassVar[str] = "rate_limit_patterns"
