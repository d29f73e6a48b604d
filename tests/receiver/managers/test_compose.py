from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
import pytest_asyncio
from pydantic import ValidationError

from receiver.actions.base import ActionFailed
from receiver.managers.base import ManagerError, ProcessState
from receiver.managers.compose import Compose
from receiver.managers.own_container import Surroundings
from receiver.tools import Finished, OutsideError
from tests.receiver.managers.docker_tales import SLEEP, ComposeTales, Scene, the_tools
from tests.receiver.stand_ins import Ran, StandInPrograms, a_toolbox
from tests.servers.compose import StandInCompose, stand_in_compose

FILE = Path("/srv/shop/compose.yml")
ID = "a" * 64
OPEN = "permission denied while trying to connect to the Docker daemon socket at unix:///run/docker.sock: Get …"
RUNNING = '{"restarts":0,"state":{"Status":"running","Pid":7,"StartedAt":"2026-11-21T17:43:22Z"}}\n'


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[StandInCompose]:
    async with stand_in_compose() as started:
        yield started


@pytest_asyncio.fixture
async def scene(engine: StandInCompose) -> Scene:
    tools = the_tools({"docker": str(engine.executable)})

    def facet(name: str) -> Compose:
        return Compose(project="shop", file=engine.file, service=name, url=engine.url)

    return Scene(engine, tools, facet)


def a_compose(**options: Any) -> Compose:
    return Compose.model_validate({"project": "shop", "file": FILE, "service": "api", **options})


def answers(order: Finished | OutsideError, state: str = RUNNING) -> StandInPrograms:
    """A `docker` whose looks go well and whose orders end so."""

    def answer(ran: Ran) -> Finished | OutsideError:
        if "ps" in ran.argv:
            return Finished(0, f"{ID}\n")
        return Finished(0, state) if "inspect" in ran.argv else order

    return StandInPrograms(answer)


@pytest.mark.parametrize(
    "service",
    ["", " ", "-d", "--all", "a b", "a=3", "a/b", ".a", "$(id)", "a\nb", "a\0", "*", "a,b"],
)
def test_what_is_not_the_name_of_one_service_is_refused(service: str) -> None:
    with pytest.raises(ValidationError, match="must be the name of one service"):
        a_compose(service=service)


@pytest.mark.parametrize("project", ["", "Shop", "-p", "--all", "a b", "a/b", "a\n", "_a", "a.b"])
def test_what_is_not_the_name_of_a_project_is_refused(project: str) -> None:
    with pytest.raises(ValidationError, match="must be the name of a compose project"):
        a_compose(project=project)


def test_the_file_is_beside_the_config(tmp_path: Path) -> None:
    options = {"project": "shop", "file": "compose.yml", "service": "api"}
    found = Compose.model_validate(options, context={"folder": tmp_path})
    assert found.file == tmp_path / "compose.yml"


def test_in_a_container_the_socket_is_refused_unless_it_is_allowed_by_name(
    tmp_path: Path,
) -> None:
    (tmp_path / "mountinfo").write_text(
        "99 27 0:25 /docker.sock /run/docker.sock rw - tmpfs x rw\n"
    )

    class Inside(Compose):
        surroundings: ClassVar[Surroundings] = Surroundings(tmp_path / "mountinfo")

    options = {"project": "shop", "file": FILE, "service": "api", "url": "unix:///run/docker.sock"}
    with pytest.raises(ValidationError, match="whoever holds the Docker socket is root"):
        Inside.model_validate(options)
    Inside.model_validate({**options, "unfiltered_socket": True})


async def test_docker_is_asked_for_one_service_and_nothing_else() -> None:
    programs = answers(Finished(0, ""))
    tools = a_toolbox(programs=programs, executables={"docker": "/bin/docker"})
    await a_compose().restart(tools)
    await a_compose().scale(tools, 3)
    start = ("/bin/docker", "compose", "--project-name", "shop", "--file", str(FILE))
    orders = [ran for ran in programs.ran if {"restart", "up"} & set(ran.argv)]
    assert [ran.argv for ran in orders] == [
        (*start, "restart", "--no-deps", "api"),
        (*start, "up", "--detach", "--no-deps", "--no-recreate", "--no-build", "--pull", "never", "--scale", "api=3", "api"),
    ]  # fmt: skip
    assert {tuple(ran.env.items()) for ran in programs.ran} == {
        (("DOCKER_HOST", "unix:///var/run/docker.sock"),)
    }


@pytest.mark.parametrize("is_there", [True, False])
async def test_what_is_started_is_what_was_chosen_last(tmp_path: Path, is_there: bool) -> None:
    """Another replica, or a service without a container, would else be of the version that the file names."""
    override = tmp_path / "prunella.override.yml"
    if is_there:
        override.touch()
    programs = StandInPrograms(Finished(0, ""))  # no container
    compose, tools = a_compose(override=override), a_toolbox(programs=programs)
    await compose.restart(tools)
    await compose.scale(tools, 2)
    files = ("--file", str(FILE), *(("--file", str(override)) if is_there else ()))
    for ran in programs.ran:
        wanted = files if "up" in ran.argv else ("--file", str(FILE))
        assert ran.argv[: 4 + len(wanted)] == (
            *("docker", "compose", "--project-name", "shop"),
            *wanted,
        )


async def test_an_address_is_written_as_docker_reads_it() -> None:
    programs = answers(Finished(0, ""))
    await a_compose(url="http://proxy:2375").restart(a_toolbox(programs=programs))
    assert programs.ran[0].env == {"DOCKER_HOST": "tcp://proxy:2375"}


async def test_through_a_proxy_a_replica_that_is_unhealthy_still_gets_a_signal() -> None:
    sick = RUNNING.replace('"Pid":7', '"Pid":7,"Health":{"Status":"unhealthy"}')
    programs = answers(Finished(0, ""), state=sick)
    await a_compose(url="http://proxy:2375").signal(a_toolbox(programs=programs), "SIGUSR2")
    assert programs.ran[-1].argv[-4:] == ("kill", "--signal", "SIGUSR2", "api")


@pytest.mark.parametrize(
    ("ending", "started", "said"),
    [
        (Finished(1, OPEN), False, "the group `docker`"),
        (Finished(1, "Cannot connect to the Docker daemon at unix:///x."), False, "Cannot connect"),
        (Finished(14, "open /srv/c.yml: no such file or directory"), False, "no such file"),
        (Finished(125, "unknown flag: --project-name\n"), False, "has no compose plugin"),
        (Finished(1, "Error response from daemon: driver failed: port is taken"), True, "port is"),
        (Finished(None, ""), True, "took longer than 120 s"),
        (OutsideError("cannot start docker", sent=False), False, "cannot start"),
    ],
)
async def test_an_order_says_whether_it_may_have_begun(
    ending: Finished | OutsideError, started: bool, said: str
) -> None:
    for ask in (a_compose().restart, lambda tools: a_compose().scale(tools, 2)):
        with pytest.raises(ManagerError, match=said) as caught:
            await ask(a_toolbox(programs=answers(ending)))
        assert caught.value.started is started


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (Finished(1, OPEN), "the group `docker`"),
        (Finished(None, ""), "no answer within 20 s"),
        (Finished(1, "Cannot connect to the Docker daemon at unix:///x."), "Cannot connect"),
        (OutsideError("cannot start docker", sent=False), "cannot start"),
    ],
)
async def test_a_look_that_fails_changed_nothing(
    ending: Finished | OutsideError, said: str
) -> None:
    for ask in (a_compose().status, a_compose().restart, a_compose().instances):
        with pytest.raises(ManagerError, match=said) as caught:
            await ask(a_toolbox(programs=StandInPrograms(ending)))
        assert not caught.value.started


@pytest.mark.parametrize("output", ["", "hello", '{"restarts":c4nary', '{"restarts":1', "[" * 9999])
async def test_a_state_that_cannot_be_read_is_an_error_that_quotes_nothing(output: str) -> None:
    def answer(ran: Ran) -> Finished:
        return Finished(0, f"{ID}\n" if "ps" in ran.argv else output)

    with pytest.raises(ManagerError, match="docker inspect") as caught:
        await a_compose().status(a_toolbox(programs=StandInPrograms(answer)))
    assert not caught.value.started
    assert "c4nary" not in repr(caught.value)


@pytest.mark.server
class TestAgainstTheStandIn(ComposeTales):
    async def test_the_receiver_itself_is_left_alone(
        self, engine: StandInCompose, scene: Scene
    ) -> None:
        await scene.engine.run("api", SLEEP)
        pids = (await scene.api.status(scene.tools)).pids
        tools = replace(scene.tools, ourselves=frozenset(pids))
        for order in (scene.api.restart(tools), scene.api.scale(tools, 2)):
            with pytest.raises(ManagerError, match="holds the receiver itself") as caught:
                await order
            assert not caught.value.started
        assert psutil.pid_exists(pids[0])
        assert not [argv for argv in engine.ran if {"restart", "up"} & set(argv)]

    async def test_an_engine_that_hangs_costs_no_more_than_the_time_given(
        self, engine: StandInCompose, scene: Scene
    ) -> None:
        await scene.engine.run("api", SLEEP)
        engine.engine.awake.clear()
        with pytest.raises(ActionFailed, match=r"no end within 0\.5 s"):
            await scene.restarted(timeout=0.5)

    async def test_without_permission_nothing_is_done(
        self, engine: StandInCompose, scene: Scene
    ) -> None:
        await scene.engine.run("api", SLEEP)
        (ours,), engine.access = engine.of("api"), OPEN
        before = ours.pid
        with pytest.raises(ManagerError, match="the group `docker`"):
            await scene.api.restart(scene.tools)
        assert ours.pid == before

    async def test_another_project_of_the_same_file_is_another(
        self, engine: StandInCompose, scene: Scene
    ) -> None:
        await scene.engine.run("api", SLEEP)
        other = Compose(project="other", file=engine.file, service="api", url=engine.url)
        assert (await other.status(scene.tools)).state is ProcessState.DOWN
