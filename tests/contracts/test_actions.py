"""Every action keeps the promises of receiver/actions/base.py."""

from __future__ import annotations

from typing import Any

import pytest

from receiver.actions import ACTIONS
from receiver.actions.base import Action, ActionFailed
from receiver.targets import Target
from receiver.tools import OutsideError
from tests.contracts.plugins import (
    explains_itself,
    hides_its_secrets,
    is_a_frozen_setting,
    lives_in_a_file_of_its_name,
)
from tests.receiver.actions.effects import a_target, an_effect
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, a_toolbox

OPTIONS: dict[str, dict[str, Any]] = {
    "backup": {"kind": "database"},
    "call": {"path": "/admin/gc", "body": {"full": True}},
    "clear_rate_limits": {"patterns": ["rl:*"], "max_keys": 10},
    "collect_garbage": {},
    "flush_cache": {"patterns": ["cache:*"], "dry_run": True},
    "heal_all": {},
    "heal_orphaned_records": {"max_rows": 10, "batch": 2, "allow_majority": True},
    "heal_stale_sessions": {"max_rows": 10, "batch": 2, "dry_run": True},
    "heal_stuck_jobs": {"stuck_after": "1m", "queues": ["email"]},
    "kill_long_queries": {"longer_than": "2m", "users": ["app"], "terminate": True},
    "pause_queue": {"queues": ["email"], "resume_after": "10m"},
    "prune_backups": {},
    "reload": {"up_for": "1s"},
    "restart": {"up_for": "1s"},
    "rollback": {"to": "v1", "up_for": "1s", "prove_within": "1m"},
    "run": {"argv": ["/opt/heal.sh", "--all"], "amx_env": True},
    "scale": {"by": 2, "max": 4},
    "terminate_connections": {"states": ["idle"], "older_than": "10m", "users": ["app"]},
    "verify_backup": {"file": "shop-database-20261122T020000Z.dump", "restore": False},
}
HOSTILE = "$(reboot) `reboot`; -oProxyCommand=reboot \n//evil.example/../*"

every_action = pytest.mark.parametrize(("name", "kind"), ACTIONS.items(), ids=ACTIONS)


def a_full_target() -> Target:
    """With every facet; nobody is at home at any of them."""
    facets = {
        "process": {"manager": "pm2", "name": "api", "home": "/no/such/home"},
        "http": {"base_url": "http://127.0.0.1:1", "gc_path": "/gc"},
        "redis": {
            "url": "redis://127.0.0.1:1/0",
            "cache_patterns": ["cache:*"],
            "rate_limit_patterns": ["rl:*"],
        },
        "postgres": {
            "url": "postgresql://127.0.0.1:1/shop",
            "users": ["app"],
            "sessions": {"table": "sessions", "expires": "expires_at"},
            "orphans": [{"table": "comments", "column": "post_id", "references": "posts.id"}],
        },
        "backup": {"directory": "/no/such/directory"},
        "queue": {"system": "bullmq", "url": "redis://127.0.0.1:1/0", "queues": ["email"]},
        "release": {
            "strategy": "symlink",
            "path": "/no/such/place",
            "version": {"url": "http://127.0.0.1:1/version", "json": "version"},
        },
    }
    return Target.model_validate({"name": "shop", **facets})


def test_each_has_an_example_here() -> None:
    assert OPTIONS.keys() == ACTIONS.keys()


@every_action
def test_it_is_a_plugin_like_the_others(name: str, kind: type[Action]) -> None:
    is_a_frozen_setting(kind, OPTIONS[name])
    lives_in_a_file_of_its_name(kind, name, "receiver.actions")
    explains_itself(kind)
    hides_its_secrets(kind, OPTIONS[name])


@every_action
def test_its_options_survive_the_journal(name: str, kind: type[Action]) -> None:
    action = kind.model_validate(OPTIONS[name])
    assert kind.model_validate(action.model_dump(mode="json")) == action


@every_action
def test_what_it_needs_is_a_facet(name: str, kind: type[Action]) -> None:
    action = kind.model_validate(OPTIONS[name])
    assert action.needs() in {None, *type(a_full_target()).model_fields} - {"name", "matchers"}
    assert all(isinstance(program, str) for program in action.executables(a_full_target()))
    assert isinstance(action.idempotent, bool)


@every_action
async def test_without_the_facet_it_never_began(name: str, kind: type[Action]) -> None:
    action = kind.model_validate(OPTIONS[name])
    if action.needs() is not None:
        with pytest.raises(ActionFailed) as caught:
            await action.run(an_effect(a_target()), a_toolbox())
        assert not caught.value.started


@every_action
async def test_where_nothing_can_be_reached_it_never_began(name: str, kind: type[Action]) -> None:
    away = OutsideError("nobody there", sent=False)
    tools = a_toolbox(http=StandInHttp(away), programs=StandInPrograms(away))
    with pytest.raises(ActionFailed) as caught:
        await kind.model_validate(OPTIONS[name]).run(an_effect(a_full_target()), tools)
    assert not caught.value.started
    assert not caught.value.unknown


@every_action
async def test_no_label_becomes_an_argument_an_address_or_a_body(
    name: str, kind: type[Action]
) -> None:
    away = OutsideError("nobody there", sent=False)
    http, programs = StandInHttp(away), StandInPrograms(away)
    effect = an_effect(a_full_target(), labels={"alertname": HOSTILE, HOSTILE: "x"})
    with pytest.raises(ActionFailed):
        await kind.model_validate(OPTIONS[name]).run(
            effect, a_toolbox(http=http, programs=programs)
        )
    said = repr([http.asked, [ran.argv for ran in programs.ran]])
    assert "reboot" not in said
    assert "evil" not in said
