from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import psutil
import pytest
import pytest_asyncio
from aiohttp import web
from pydantic import ValidationError

from receiver.actions.base import ActionFailed
from receiver.managers.base import ManagerError, ProcessState
from receiver.managers.docker import Docker
from receiver.managers.own_container import Surroundings
from tests.receiver.managers.docker_tales import SLEEP, DockerTales, Scene, the_tools
from tests.receiver.stand_ins import a_toolbox
from tests.servers.docker_engine import StandInEngine, stand_in_engine
from tests.servers.ports import free_port
from tests.servers.troubles import unprivileged


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[StandInEngine]:
    async with stand_in_engine() as started:
        yield started


@pytest_asyncio.fixture
async def scene(engine: StandInEngine) -> Scene:
    return Scene(engine, the_tools(), lambda name: Docker(container=name, url=engine.url))


@asynccontextmanager
async def a_server(
    talk: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    """A web server that answers everything so."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", talk)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def locked(url: str) -> None:
    """Nobody but root may open its socket, though everybody may see it."""
    socket = Path(url.removeprefix("unix://"))
    socket.chmod(0)
    socket.parent.chmod(0o711)


@pytest.mark.parametrize(
    "name",
    ["", " ", "-f", "--all", "a b", "a/b", "../x", "api?all=1", "api#", "a%2Fb", "a\nb", "a\0", "*", "/api", "a" * 200],
)  # fmt: skip
def test_what_is_not_the_name_of_one_container_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="must be the exact name of one container"):
        Docker(container=name)


@pytest.mark.parametrize(
    "url",
    [
        *("/var/run/docker.sock", "unix://docker.sock", "unix://host/docker.sock", "tcp://h:2375"),
        *("http://", "http://u:hunter2@h", "http://h/?a=b", "ssh://h", "http://h/#a", "file:///x"),
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Docker(container="api", url=url)
    assert "hunter2" not in str(caught.value)


def own_file(container: str) -> str:
    return f"1 2 8:1 /lib/docker/containers/{container}/hostname /etc/hostname rw - ext4 x rw\n"


def inside(tmp_path: Path, mounts: str) -> type[Docker]:
    """The manager of a receiver that sees these mounts."""
    (tmp_path / "mountinfo").write_text(mounts)

    class Inside(Docker):
        surroundings: ClassVar[Surroundings] = Surroundings(tmp_path / "mountinfo")

    return Inside


ROOT = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
RUN = "28 27 0:25 / /run rw - tmpfs tmpfs rw\n"
SOCKET = "99 27 0:25 /docker.sock /run/docker.sock rw - tmpfs tmpfs rw\n"
FOLDER = "99 27 254:0 /opt/engine /run/engine rw - ext4 /dev/vda rw\n"
OURS = own_file("a" * 64)


@pytest.mark.parametrize(
    ("mounts", "url"),
    [
        (ROOT + OURS + SOCKET, "unix:///run/docker.sock"),
        (ROOT + SOCKET, "unix:///run/docker.sock"),
        (ROOT + OURS + RUN + FOLDER, "unix:///run/engine/docker.sock"),
    ],
)
def test_a_socket_that_was_given_to_a_container_is_refused_unless_it_is_allowed_by_name(
    tmp_path: Path, mounts: str, url: str
) -> None:
    manager = inside(tmp_path, mounts)
    with pytest.raises(ValidationError, match="whoever holds the Docker socket is root"):
        manager(container="api", url=url)
    manager(container="api", url=url, unfiltered_socket=True)
    manager(container="api", url="http://socket-proxy:2375")


@pytest.mark.parametrize("mounts", [ROOT + RUN, ROOT + OURS + RUN, ROOT, ROOT + FOLDER, ""])
def test_an_engines_own_machine_has_its_socket(tmp_path: Path, mounts: str) -> None:
    inside(tmp_path, mounts)(container="api", url="unix:///run/docker.sock")
    inside(tmp_path, ROOT + FOLDER)(container="api", url="unix:///run/engine/docker.sock")


@pytest.mark.server
class TestAgainstTheStandIn(DockerTales):
    async def test_the_container_that_we_are_in_is_left_alone(
        self, engine: StandInEngine, tmp_path: Path
    ) -> None:
        ours = await engine.run("api", SLEEP)
        mounts = f"1 2 8:1 /lib/docker/containers/{ours.id}/hostname /etc/hostname rw - ext4 x rw\n"
        manager = inside(tmp_path, mounts)(container="api", url=engine.url, unfiltered_socket=True)
        before = ours.pid
        for refused in (manager.restart(a_toolbox()), manager.signal(a_toolbox(), "SIGUSR2")):
            with pytest.raises(ManagerError, match="holds the receiver itself") as caught:
                await refused
            assert not caught.value.started
        assert (await manager.status(a_toolbox())).pids == ()  # numbers of another namespace
        assert ours.pid == before

    async def test_a_container_with_our_own_process_is_left_alone(self, scene: Scene) -> None:
        ours = await scene.engine.run("api", SLEEP)
        tools = replace(scene.tools, ourselves=frozenset({ours.pid}))
        with pytest.raises(ManagerError, match="holds the receiver itself"):
            await scene.api.restart(tools)

    async def test_without_the_lease_nothing_is_done(
        self, engine: StandInEngine, scene: Scene
    ) -> None:
        def lost() -> None:
            raise RuntimeError("the lease is over")

        ours = await engine.run("api", SLEEP)
        tools = replace(scene.tools, require_lease=lost)
        for order in (scene.api.restart(tools), scene.api.signal(tools, "SIGUSR2")):
            with pytest.raises(RuntimeError, match="over"):
                await order
        assert not [asked for asked in engine.asked if asked.startswith("POST")]
        assert psutil.pid_exists(ours.pid)

    @pytest.mark.parametrize(
        ("oldest", "newest", "spoken"),
        [("1.12", "1.41", "1.41"), ("1.24", "1.50", "1.44"), ("1.44", "1.52", "1.44"), ("1.48", "1.60", "1.48")],
    )  # fmt: skip
    async def test_every_engine_in_use_is_spoken_to_in_its_own_version(
        self, engine: StandInEngine, scene: Scene, oldest: str, newest: str, spoken: str
    ) -> None:
        engine.oldest, engine.newest = oldest, newest
        await engine.run("api", SLEEP)
        assert (await scene.api.status(scene.tools)).state is ProcessState.UP
        assert engine.asked == ["GET /version", f"GET /v{spoken}/containers/api/json"]

    @pytest.mark.parametrize("word", ["version", "json", "restart"])
    async def test_what_a_filter_forbids_is_said_with_its_cure(
        self, engine: StandInEngine, scene: Scene, word: str
    ) -> None:
        ours = await engine.run("api", SLEEP)
        engine.forbidden, before = {word}, ours.pid
        with pytest.raises(ManagerError, match=r"forbids .*docker-socket-proxy\.yml") as caught:
            await scene.api.restart(scene.tools)
        assert (caught.value.started, ours.pid) == (False, before)

    async def test_an_engine_that_hangs_costs_no_more_than_the_time_given(
        self, engine: StandInEngine, scene: Scene
    ) -> None:
        await engine.run("api", SLEEP)
        engine.awake.clear()
        with pytest.raises(ActionFailed, match=r"no end within 0\.3 s"):
            await scene.restarted(timeout=0.3)

    async def test_an_engine_that_hangs_has_changed_nothing_when_it_was_only_asked(
        self, engine: StandInEngine, scene: Scene
    ) -> None:
        engine.awake.clear()
        with pytest.raises(ManagerError, match="gave no answer within 5 s") as caught:
            await scene.api.status(scene.tools)
        assert not caught.value.started

    async def test_a_slow_engine_is_waited_for(self, engine: StandInEngine, scene: Scene) -> None:
        await engine.run("api", SLEEP)
        engine.delay = 0.2
        assert "restarted api" in await scene.restarted()

    async def test_without_permission_the_group_or_the_proxy_is_named(
        self, engine: StandInEngine, scene: Scene
    ) -> None:
        locked(engine.url)
        with unprivileged(), pytest.raises(ManagerError, match="the group `docker`") as caught:
            await scene.api.restart(scene.tools)
        assert not caught.value.started


@pytest.mark.parametrize(
    "url", ["unix:///no/such.sock", f"http://127.0.0.1:{free_port()}"], ids=["socket", "port"]
)
async def test_without_an_engine_nothing_was_changed(url: str) -> None:
    manager = Docker(container="api", url=url)
    for ask in (manager.status, manager.restart, manager.resident_bytes):
        with pytest.raises(ManagerError, match="no Docker Engine answers at") as caught:
            await ask(a_toolbox())
        assert not caught.value.started


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"/version": "hello"}, "names no version"),
        ({"/version": {"ApiVersion": "x", "MinAPIVersion": "1.12"}}, "names no version"),
        ({"/version": ["a"]}, "names no version"),
        ({"json": {"Id": "a"}}, "gives no container's state"),
        ({"json": [1]}, "gives no container's state"),
    ],
)
async def test_what_does_not_speak_the_engines_language_is_an_error(
    answers: dict[str, object], said: str
) -> None:
    version: object = {"ApiVersion": "1.41", "MinAPIVersion": "1.12"}

    async def talk(request: web.Request) -> web.Response:
        default = version if request.path == "/version" else {}
        word = request.path if request.path == "/version" else request.path.rpartition("/")[2]
        return web.json_response(answers.get(word, default))

    async with a_server(talk) as url:
        with pytest.raises(ManagerError, match=said) as caught:
            await Docker(container="api", url=url).restart(a_toolbox())
    assert not caught.value.started


async def test_a_restart_whose_answer_is_lost_may_have_happened() -> None:
    async def talk(request: web.Request) -> web.Response:
        if request.path == "/version":
            return web.json_response({"ApiVersion": "1.41", "MinAPIVersion": "1.12"})
        if request.method == "GET":
            return web.json_response(
                {"Id": "a" * 64, "Name": "/api", "State": {"Status": "running"}}
            )
        assert request.transport is not None
        request.transport.abort()
        raise asyncio.CancelledError

    async with a_server(talk) as url:
        with pytest.raises(ManagerError, match="no Docker Engine answers") as caught:
            await Docker(container="api", url=url).restart(a_toolbox())
    assert caught.value.started
