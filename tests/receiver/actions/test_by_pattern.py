"""What flush_cache and clear_rate_limits refuse, and what they say; what they do is in the tests of the stores."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from receiver.actions.base import ActionFailed
from receiver.actions.by_pattern import ByPattern
from receiver.actions.clear_rate_limits import ClearRateLimits
from receiver.actions.flush_cache import FlushCache
from receiver.targets import Target
from tests.receiver.actions.effects import an_effect
from tests.receiver.stand_ins import a_toolbox

BOTH = pytest.mark.parametrize("kind", [FlushCache, ClearRateLimits])
REDIS = {
    "url": "redis://127.0.0.1:1/3",
    "cache_patterns": ["cache:*", "page:*"],
    "rate_limit_patterns": ["rl:*"],
}


def target(**more: object) -> Target:
    return Target.model_validate({"name": "shop", "redis": {**REDIS, **more}})


def objection(made: Target, kind: type[ByPattern] = FlushCache, **options: Any) -> str | None:
    return kind.model_validate(options).objection(made)


@BOTH
def test_its_promises(kind: type[ByPattern]) -> None:
    action = kind()
    assert (action.needs(), action.idempotent, action.cancel_safe) == ("redis", True, True)
    assert (action.max_keys, action.whole_database, action.dry_run) == (1_000_000, False, False)
    assert not action.from_config_only
    assert action.executables(target()) == ()


def test_a_flush_is_disruptive_and_a_cleared_counter_is_not() -> None:
    assert (FlushCache.disruptive, ClearRateLimits.disruptive) == (True, False)


def test_each_has_its_own_patterns_and_not_the_others() -> None:
    assert objection(target(), patterns=["page:*"]) is None
    assert objection(target(), ClearRateLimits, patterns=["rl:*"]) is None
    assert objection(target(), patterns=["rl:*"]) == (
        "rl:* is none of its redis.cache_patterns: cache:*, page:*"
    )
    assert objection(target(), ClearRateLimits, patterns=["cache:*"]) == (
        "cache:* is none of its redis.rate_limit_patterns: rl:*"
    )


@BOTH
def test_where_no_patterns_are_named_nothing_is_meant(kind: type[ByPattern]) -> None:
    bare = target(cache_patterns=[], rate_limit_patterns=[])
    assert objection(bare, kind) == f"its redis facet names no {kind.patterns_key}"
    assert objection(bare, kind, patterns=["cache:*"]) is not None


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        *({"patterns": ["*"]}, {"patterns": ["?*"]}, {"patterns": ["[a-z]*"]}, {"patterns": []}),
        *({"patterns": "cache:*"}, {"patterns": ["cache:*", "*"]}, {"pattern": ["cache:*"]}),
        *({"max_keys": 0}, {"max_keys": -1}, {"max_keys": "many"}, {"whole_database": "3"}),
        {"whole_database": True, "patterns": ["cache:*"]},
    ],
)
def test_an_option_that_could_take_too_much_is_refused(
    kind: type[ByPattern], options: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(options)


def test_a_whole_database_must_be_named_in_the_facet() -> None:
    assert objection(target(), whole_database=True) == (
        "the whole database may not be flushed: write `flushable_database: 3` into its redis facet"
        " if nothing else lives there"
    )
    assert objection(target(flushable_database=3), whole_database=True) is None
    assert objection(target(flushable_database=3)) is None


@pytest.mark.parametrize(
    ("made", "options", "said"),
    [
        (target(), {"patterns": ["other:*"]}, "shop: other:* is none of its redis.cache_patterns"),
        (target(), {"whole_database": True}, "the whole database may not be flushed"),
        (Target(name="shop"), {}, "shop: it has no redis facet"),
    ],
)
async def test_what_the_config_should_have_refused_is_refused_again(
    made: Target, options: dict[str, object], said: str
) -> None:
    with pytest.raises(ActionFailed, match=re.escape(said)) as caught:
        await FlushCache.model_validate(options).run(an_effect(made), a_toolbox())
    assert not caught.value.started
