from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prunella.service.settings import ConfigError, load
from receiver.decide.guards import Limits, Rate
from receiver.decide.plan import Mode
from receiver.settings import ReceiverSettings

INVALID = sorted((Path(__file__).parent / "testdata").glob("invalid-*.yml"))
REGISTERED = re.compile(r"((?:unknown|missing|one key)[^;:]*[;:] known:) [a-z0-9_, ]+$")
SECRET = "hunter2hunter2hunter2"
WHOLE: dict[str, Any] = {
    "server": {"listen": "0.0.0.0:9651", "max_body": "1MiB"},
    "auth": {
        "webhook": [{"name": "alertmanager", "token": SECRET}],
        "operate": [{"name": "ops", "token": SECRET + "2"}],
        "read": [{"name": "grafana", "token": SECRET + "3"}],
    },
    "journal": "sqlite:var/journal.db",
    "prometheus": {"url": "http://127.0.0.1:9090/"},
    "alertmanager": {"urls": ["http://127.0.0.1:9093"], "reconcile": "1m"},
    "mode": "auto",
    "stop_file": "STOP",
    "limits": {"per_target": "2/30m", "global": "5/1h", "max_age": "5m"},
    "executables": {"pm2": "/usr/bin/pm2"},
    "groups": {"web": ["api", "worker"]},
    "targets": {
        "api": {
            "matchers": ['service="api"'],
            "process": {"manager": "pm2", "name": "api"},
            "http": {"base_url": "http://127.0.0.1:3000"},
        },
        "worker": {"matchers": ['service="worker"'], "process": {"manager": "pm2", "name": "w"}},
    },
    "playbooks": [
        {
            "name": "memory",
            "matchers": ['alertname=~"ProcessMemoryHigh|HostMemoryHigh"'],
            "mode": "auto",
            "for": "1m",
            "ladder": [
                {"action": "call", "path": "/gc", "on": ["api"]},
                {"name": "hard", "action": "restart", "up_for": "5s"},
            ],
            "verify": {"checks": [{"alert": "cleared"}, {"http": {"url": "http://127.0.0.1/"}}]},
            "notify": ["ops"],
            "escalate": "oncall",
        }
    ],
    "schedules": [
        {
            "name": "nightly",
            "cron": "30 3 * * *",
            "timezone": "Europe/Berlin",
            "action": "restart",
            "options": {"up_for": "5s"},
            "on": ["worker"],
            "notify": ["ops"],
        }
    ],
    "launch_watch": {
        "phases": [{"until": "6h", "every": "15m"}, {"until": "1d", "every": "1h"}],
        "signals": {"memory": {"floor": "128MiB"}, "p95": {"floor": "50ms", "query": "x:p95"}},
    },
    "channels": {
        "ops": {"kind": "slack", "webhook_url": "http://127.0.0.1/hunter2"},
        "log": {"kind": "log", "events": ["opened", "healed"]},
    },
    "escalation": {"oncall": [{"after": "0m", "notify": ["ops"]}]},
}


def written(folder: Path, tree: object) -> Path:
    file = folder / "receiver.yml"
    file.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    return file


def read(folder: Path, tree: object) -> ReceiverSettings:
    return load(ReceiverSettings, written(folder, tree), {})


def refusal(file: Path) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        load(ReceiverSettings, file, {})
    return str(raised.value).splitlines()


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_a_bad_file_is_told_where_and_why(file: Path) -> None:
    """What is registered is listed after `known:`, and grows: of that only the beginning is compared."""
    expected = re.findall(r"^# (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert [REGISTERED.sub(r"\1", line) for line in refusal(file)] == expected


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_no_secret_of_a_bad_file_is_said(file: Path) -> None:
    assert "hunter2" not in "\n".join(refusal(file))


def test_ten_mistakes_are_ten_messages(tmp_path: Path) -> None:
    tree = copy.deepcopy(WHOLE)
    tree["chanels"] = {}
    tree["server"]["listen"] = "nowhere"
    tree["limits"]["global"] = "often"
    tree["executables"]["pm2"] = "pm2"
    tree["groups"]["web"] = ["api", "web"]
    tree["targets"]["api"]["process"]["manager"] = "upstart"
    tree["playbooks"][0]["ladder"][0]["on"] = ["apo"]
    tree["playbooks"][0]["ladder"][1]["up_for"] = 5
    tree["playbooks"][0]["notify"] = ["opps"]
    del tree["channels"]["ops"]["webhook_url"]
    assert sorted(line.partition(":")[0] for line in refusal(written(tmp_path, tree))) == sorted(
        [
            *("chanels", "server.listen", "limits.global", "executables.pm2", "groups.web"),
            *("targets.api.process.manager", "playbooks[0].ladder[0].on"),
            *("playbooks[0].ladder[1].up_for", "playbooks[0].notify", "channels.ops"),
        ]
    )


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert (found.mode, str(found.listen), found.server.max_body) == (
        *(Mode.AUTO, "0.0.0.0:9651", 1 << 20),
    )
    assert found.limits.limits == Limits(Rate(2, 1800.0), Rate(5, 3600.0), max_age=300.0)
    assert (found.targets["api"].name, set(found.channels)) == ("api", {"ops", "log"})
    book = found.playbooks[0]
    assert (book.for_, [rung.name for rung in book.ladder]) == (60.0, ["call", "hard"])
    assert found.stop_file == tmp_path / "STOP"
    assert (found.schedules[0].rhythm, found.schedules[0].grace) == (
        "nightly 30 3 * * * Europe/Berlin",
        3600.0,
    )


def test_i16_without_a_file_it_watches_in_shadow_on_loopback() -> None:
    found = load(ReceiverSettings, None, {})
    assert (found.mode, found.listen.loopback, found.auth.empty) == (Mode.SHADOW, True, True)
    assert found.limits.limits == Limits()
    assert (found.targets, found.playbooks, found.schedules) == ({}, (), ())


def test_no_secret_is_shown(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert "hunter2" not in repr(found)
    assert "hunter2" not in str(found.model_dump(mode="json"))


def test_a_secret_may_come_from_a_file_beside_the_config(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(SECRET + "\n", encoding="utf-8")
    tree = {"mode": "auto", "auth": {"webhook": [{"name": "a", "token_file": "token"}]}}
    assert read(tmp_path, tree).auth.webhook[0].token.get_secret_value() == SECRET


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "[::1]", "localhost"])
def test_in_shadow_on_loopback_no_token_is_needed(tmp_path: Path, host: str) -> None:
    assert read(tmp_path, {"server": {"listen": f"{host}:9651"}}).auth.empty


def test_a_target_is_in_its_largest_group() -> None:
    tree = {"targets": {"a": {}, "b": {}, "c": {}}, "groups": {"x": ["a"], "y": ["a", "b"]}}
    found = ReceiverSettings.model_validate(tree)
    assert found.group_of("a") == {"a", "b"}
    assert found.group_of("c") == frozenset()


def test_a_named_escalation_channel_and_check_are_enough(tmp_path: Path) -> None:
    tree = copy.deepcopy(WHOLE)
    tree["playbooks"][0]["ladder"][0]["on"] = ["worker"]
    assert refusal(written(tmp_path, tree)) == [
        "playbooks[0].ladder[0].on: call needs `http:`, which the target worker does not have"
    ]


def places(tree: object, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every node of a tree."""
    if at:
        yield at
    inside = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, value in inside:
        yield from places(value, (*at, key))


def test_a_variable_that_is_not_set_hides_no_other_mistake(tmp_path: Path) -> None:
    for place in places(WHOLE):
        tree = copy.deepcopy(WHOLE)
        put(tree, place, "${NOT_SET_ANYWHERE}")
        tree["chanels"] = {}
        assert "chanels: unknown key (did you mean channels?)" in refusal(written(tmp_path, tree))


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(list(places(WHOLE))), junk), min_size=1, max_size=4))
def test_no_junk_in_any_place_is_more_than_a_list_of_mistakes(
    changes: list[tuple[tuple[Any, ...], object]],
) -> None:
    tree = copy.deepcopy(WHOLE)
    for place, value in changes:
        put(tree, place, value)
    with suppress(ValidationError):  # any other exception would end the program with a traceback
        ReceiverSettings.model_validate(tree)


def put(tree: Any, place: tuple[Any, ...], value: object) -> None:
    *way, last = place
    # an earlier change may have taken the place away
    with suppress(TypeError, KeyError, IndexError):
        for key in way:
            tree = tree[key]
        tree[last] = value


def test_the_guards_never_miss_what_retention_took_away() -> None:
    limits = {"flap": "5/2w", "breaker": "5/3d"}
    read = ReceiverSettings.model_validate({**WHOLE, "retention": "1d", "limits": limits})
    assert {14 * 86400.0, 3 * 86400.0, 3600.0, 600.0} == set(read.remembered)
