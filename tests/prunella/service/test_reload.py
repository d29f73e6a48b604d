from __future__ import annotations

import asyncio
import threading

import pytest

from prunella.metrics import REGISTRY
from prunella.service.reload import Live
from prunella.service.settings import ConfigError, Problem


class Source:
    """What would be in the file: a value, or an error."""

    def __init__(self, value: str | ConfigError = "first") -> None:
        self.value = value

    def read(self) -> str:
        if isinstance(self.value, ConfigError):
            raise self.value
        return self.value


def wrong(path: str = "every") -> ConfigError:
    return ConfigError([Problem(path, "say 30s"), Problem("listen", "is no address")])


def successful() -> float | None:
    return REGISTRY.get_sample_value("prunella_config_last_reload_successful")


def test_a_config_that_cannot_be_used_at_the_start_is_an_error() -> None:
    with pytest.raises(ConfigError):
        Live(Source(wrong()).read)


async def test_a_reload_puts_the_new_settings_in_force() -> None:
    source = Source()
    live = Live(source.read)
    source.value = "second"
    await live.reload()
    assert (live.current, successful()) == ("second", 1)


async def test_a_bad_reload_keeps_the_old_settings_and_says_so() -> None:
    source = Source()
    live = Live(source.read)
    source.value = wrong()
    with pytest.raises(ConfigError):
        await live.reload()
    assert (live.current, successful()) == ("first", 0)


async def test_a_good_reload_after_a_bad_one_is_good_again() -> None:
    source = Source()
    live = Live(source.read)
    for value in (wrong(), "third"):
        source.value = value
        await asyncio.gather(live.reload(), return_exceptions=True)
    assert (live.current, successful()) == ("third", 1)


async def test_every_problem_of_a_bad_reload_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    source = Source()
    live = Live(source.read)
    source.value = wrong()
    with pytest.raises(ConfigError):
        await live.reload()
    assert [vars(record)["fields"]["path"] for record in caplog.records] == ["every", "listen"]


async def test_new_settings_are_handed_to_the_running_parts_before_they_are_in_force() -> None:
    source = Source()
    live = Live(source.read)
    seen = []

    async def apply(new: str) -> None:
        seen.append((live.current, new))

    live.on_reload(apply)
    source.value = "second"
    await live.reload()
    assert seen == [("first", "second")]


async def test_settings_that_a_running_part_refuses_are_not_in_force() -> None:
    source = Source()
    live = Live(source.read)

    async def refuse(_: str) -> None:
        raise wrong("server.listen")

    live.on_reload(refuse)
    source.value = "second"
    with pytest.raises(ConfigError, match=r"server\.listen"):
        await live.reload()
    assert (live.current, successful()) == ("first", 0)


async def test_two_reloads_at_once_take_turns() -> None:
    source = Source()
    live = Live(source.read)
    busy = threading.Lock()

    async def apply(_: str) -> None:
        assert busy.acquire(blocking=False)
        await asyncio.sleep(0)
        busy.release()

    live.on_reload(apply)
    await asyncio.gather(*(live.reload() for _ in range(5)))
