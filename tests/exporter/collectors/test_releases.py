from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.collectors.base import Collected, World
from exporter.collectors.releases import SHOWN, ReleaseEntry, Releases, families
from exporter.releases.base import Release, Seen
from tests.exporter.collecting import collect
from tests.exporter.queues.made_sources import Minutes
from tests.exporter.reading import names, samples, value
from tests.exporter.serving import serving
from tests.servers.process import until
from tests.servers.receiver import receiver

INFO, UP = "prunella_release_info", "prunella_release_source_up"
READ = "r" * 32


def entry(**keys: Any) -> ReleaseEntry:
    return ReleaseEntry.model_validate({"name": "api", **keys})


def release(target: str = "api", version: str = "v1") -> Release:
    return Release("shop", target, version, "", 5.0, 1)


def layout(tmp_path: Path, version: str) -> None:
    """As a deploy moves it."""
    (tmp_path / "next").symlink_to(f"releases/{version}")
    (tmp_path / "next").rename(tmp_path / "current")


@asynccontextmanager
async def reading(clock: Minutes, *options: ReleaseEntry) -> AsyncIterator[Releases]:
    collector = Releases(options, World(service="shop", clock=clock))
    await collector.start()
    try:
        yield collector
    finally:
        await collector.stop()


def versions(found: Collected) -> list[str]:
    return [sample.labels["version"] for sample in samples(found, INFO)]


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"url": "http://a", "file": "b"},
        {"path": "a", "token": "t"},
        {"file": "a", "ca_file": "c"},
        {"url": "ftp://a"},
        {"url": "http://a:0"},
        {"path": "a", "phases": ["2h", "1h"]},
        {"path": "a", "every": "100ms"},
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        entry(**keys)


async def test_a_deploy_is_seen_at_the_next_look_and_the_old_one_is_gone(tmp_path: Path) -> None:
    clock = Minutes()
    layout(tmp_path, "v1")
    async with reading(clock, entry(path=tmp_path)) as collector:
        assert versions(await collect(collector)) == ["v1"]
        layout(tmp_path, "v2")
        assert versions(await collect(collector)) == ["v1"]
        await clock.pass_one()
        found = await collect(collector)
    assert versions(found) == ["v2"]
    assert value(found, "prunella_launch_phase", service="shop", target="api", version="v2") == 1
    assert clock.slept == [15.0, 15.0]


async def test_what_cannot_be_read_is_down_and_shows_nothing_old(tmp_path: Path) -> None:
    clock = Minutes()
    layout(tmp_path, "v1")
    async with reading(clock, entry(path=tmp_path)) as collector:
        await collect(collector)
        (tmp_path / "current").unlink()
        await clock.pass_one()
        gone = await collect(collector)
        layout(tmp_path, "v1")
        await clock.pass_one()
        back = await collect(collector)
    assert (versions(gone), value(gone, UP, name="api", service="shop")) == ([], 0)
    assert gone.problems == (f"api: {tmp_path / 'current'}: No such file or directory",)
    assert (versions(back), value(back, UP), back.problems) == (["v1"], 1, ())


def test_two_entries_that_tell_of_one_target_are_one_series() -> None:
    seen = [(("a", ""), Seen((release(),))), (("b", ""), Seen((release(version="v2"),)))]
    found = Collected(tuple(families(seen)))
    assert versions(found) == ["v2"]


def test_more_targets_than_are_shown_are_left_out_and_told() -> None:
    many = Seen(tuple(release(f"t{number}") for number in range(SHOWN + 5)))
    found = Collected(tuple(families([(("a", ""), many)])))
    assert len(versions(found)) == SHOWN


def test_nothing_known_is_down_and_no_more() -> None:
    assert names(families([(("a", "b"), None)])) == {UP}


@pytest.mark.server
async def test_a_real_receivers_ledger_is_read_with_a_token_that_may_only_read(
    tmp_path: Path,
) -> None:
    tokens = {
        "operate": [{"name": "ci", "token": "o" * 32}],
        "read": [{"name": "exporter", "token": READ}],
        "webhook": [{"name": "am", "token": "w" * 32}],
    }
    config = {"auth": tokens, "targets": {"api": {"matchers": ['service="shop"']}}}
    async with receiver(tmp_path / "receiver", config) as server:

        async def say(state: str) -> None:
            body = {"target": "api", "version": "v7", "commit": "abcdef0", "state": state}
            assert (await server.post("/api/v1/releases", body))[0] == 200

        (tmp_path / "token").write_text(READ)
        mine = {"name": "ledger", "url": server.url, "token_file": "token", "every": "1s"}
        await say("started")
        async with serving(tmp_path, releases=[mine]) as served:
            found = await served.metrics()
            assert value(found, "prunella_deploy_in_progress", service="shop") == 1
            assert samples(found, INFO) == []
            await say("finished")

            async def live() -> bool:
                return bool(samples(await served.metrics(), INFO))

            await until(live, "the exporter has read it")
            found = await served.metrics()
    assert value(found, INFO, service="shop", target="api", version="v7", commit="abcdef0") == 1
    assert value(found, "prunella_launch_phase", service="shop", target="api") == 1
    assert value(found, "prunella_deploy_in_progress", service="shop") == 0
    assert set(samples(found, INFO)[0].labels) == {"service", "target", "version", "commit"}


@pytest.mark.server
async def test_a_receiver_that_refuses_or_is_gone_is_down_and_tells_no_secret(
    tmp_path: Path,
) -> None:
    async with receiver(tmp_path / "receiver", {}) as server:
        clock = Minutes()
        async with reading(clock, entry(url=server.url, token="hunter2")) as collector:
            refused = await collect(collector)
            server.kill()
            await clock.pass_one()
            gone = await collect(collector)
    assert value(refused, UP) == value(gone, UP) == 0
    assert "answers 401: give a `token` that may read" in refused.problems[0]
    assert gone.problems
    assert "hunter2" not in str((refused, gone))
