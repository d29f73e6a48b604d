"""What is asked for its version here is a real server, a real program and a real process; some of them are hostile."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from prunella.service.clock import SystemClock
from receiver.outside.http import open_http
from receiver.outside.programs import SystemPrograms
from receiver.tools import OutsideError, Response, Tools
from receiver.version_proof import (
    LONGEST_ANSWER,
    Reading,
    VersionProof,
    agreed,
    read_cwd,
)
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, a_toolbox
from tests.servers.ports import free_port

HUGE = json.dumps({"version": "v1", "more": "x" * LONGEST_ANSWER}).encode()


def an_answer(body: bytes, *head: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *head]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def a_server(answer: bytes | None) -> AsyncIterator[str]:
    """Answers everybody with these bytes, or never."""

    talks: list[asyncio.Future[None]] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer or b"")
            await (writer.drain() if answer is not None else reader.read())
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.ensure_future(talk(reader, writer)))

    async with await asyncio.start_server(begin, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await asyncio.gather(*talks)


async def ask(
    answer: bytes | None, member: str = "version", *, path: str = "/version", **more: Any
) -> Reading:
    async with a_server(answer) as address, open_http() as http:
        return await read({"url": address + path, "json": member, **more}, http)


async def read(proof: dict[str, Any], http: Any = None) -> Reading:
    tools = Tools(clock=SystemClock(), http=http or StandInHttp(), programs=SystemPrograms(0.1))
    return await VersionProof.model_validate(proof).read(tools)


async def run(code: str, **more: Any) -> Reading:
    return await read({"command": [sys.executable, "-SIc", code], **more})


# -- the address


@pytest.mark.parametrize(
    ("body", "member", "version"),
    [
        (b'{"version": "v1"}', "version", "v1"),
        (b'{"build": {"version": "v1"}}', "build.version", "v1"),
        (b'\xef\xbb\xbf{"version": "v1"}', "version", "v1"),
        ('{"version": "v1-\u00e9"}'.encode(), "version", "v1-\u00e9"),
        (b'{"version": " v1\\n"}', "version", "v1"),  # read from a file by who answers
        (b'{"version": 17}', "version", "17"),
        (b'{"version": 1.10}', "version", "1.10"),  # 1.1 is another version
        (b'{"version": 1e400}', "version", "1e400"),
    ],
)
async def test_the_version_is_the_word_that_stands_there(
    body: bytes, member: str, version: str
) -> None:
    assert (await ask(an_answer(body), member)).version == version


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no JSON"),
        (b"v1", "no JSON"),
        (b"<html>v1</html>", "no JSON"),
        (b'{"version": "v1"', "no JSON"),
        (b'{"version": NaN}', "no JSON"),
        (b'{"version": -Infinity}', "no JSON"),
        (b'{"version": "\xff\xfe"}', "no JSON"),
        (b"[" * 50_000, "no JSON"),
        (b'{"version":' * 5_000 + b"1" + b"}" * 5_000, "no JSON"),
        (b"{}", "has no `version`"),
        (b"null", "has no `version`"),
        (b'["v1"]', "has no `version`"),
        (b'"v1"', "has no `version`"),
        (b'{"version": null}', "is no version"),
        (b'{"version": true}', "is no version"),
        (b'{"version": ["v1"]}', "is no version"),
        (b'{"version": {"version": "v1"}}', "is no version"),
        (b'{"version": ""}', "says nothing"),
        (b'{"version": " \\n"}', "says nothing"),
        (b'{"version": "v1\\u0000"}', "printable"),
        (b'{"version": "v1\\nlevel=error"}', "printable"),
        (b'{"version": "\\u001b[31mv1"}', "printable"),
        (b'{"version": "v\\u202e1"}', "printable"),
        (b'{"version": "\\ud800"}', "printable"),
        (json.dumps({"version": "v" * 201}).encode(), "1 to 200"),
        (b'{"version": ' + b"9" * 10_000 + b"}", "1 to 200"),
        (HUGE, f"more than {LONGEST_ANSWER} bytes"),
    ],
    ids=range(27),
)
async def test_an_answer_without_a_version_has_none_and_says_why(body: bytes, why: str) -> None:
    reading = await ask(an_answer(body))
    assert reading.version is None
    assert why in reading.detail
    assert reading.detail.isprintable()
    assert len(reading.detail) < 300


@pytest.mark.parametrize("status", ["201 Created", "404 Not Found", "503 Busy"])
async def test_only_200_is_an_answer(status: str) -> None:
    reading = await ask(an_answer(b'{"version": "v1"}', status=status))
    assert reading.version is None
    assert status.partition(" ")[0] in reading.detail


async def test_who_sends_us_elsewhere_is_not_followed() -> None:
    async with a_server(an_answer(b'{"version": "v1"}')) as elsewhere:
        reading = await ask(an_answer(b"", f"Location: {elsewhere}/", status="302 Found"))
    assert reading == Reading(None, "the version's address answered 302, wanted 200")


async def test_what_never_answers_is_waited_for_so_long() -> None:
    reading = await ask(None, timeout="100ms")
    assert reading.version is None
    assert "no answer within 0.1 s" in reading.detail


async def test_an_answer_that_ends_too_early_is_none() -> None:
    reading = await ask(an_answer(b'{"version": "v1"}')[:-3])
    assert reading.version is None


async def test_nobody_listening_is_said() -> None:
    url = f"http://127.0.0.1:{free_port()}/version"
    async with open_http() as http:
        reading = await read({"url": url, "json": "version"}, http)
    assert reading.version is None
    assert "Connection refused" in reading.detail


@pytest.mark.parametrize("answer", [None, b"nonsense\r\n\r\n", an_answer(b"", status="500 Oh")])
async def test_a_secret_in_the_address_is_not_shown(answer: bytes | None) -> None:
    reading = await ask(answer, path="/c4nary?token=c4nary", timeout="100ms")
    assert reading.version is None
    assert "c4nary" not in repr(reading)


# -- the program


async def test_the_last_line_of_a_program_is_the_version() -> None:
    assert (await run("print('loading'); print('v1'); print()")).version == "v1"


async def test_its_colours_are_taken_off() -> None:
    assert (await run(r"print('\x1b[32mv1\x1b[0m')")).version == "v1"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("", "says nothing"),
        ("print(' ')", "says nothing"),
        (r"print('v\x001')", "printable"),
        ("print('v' * 201)", "1 to 200"),
        ("print('v1'); raise SystemExit(3)", "ended with 3: v1"),
        ("import os; os.kill(os.getpid(), 9)", "ended with -9"),
    ],
)
async def test_a_program_without_a_version_has_none_and_says_why(code: str, why: str) -> None:
    reading = await run(code)
    assert reading.version is None
    assert why in reading.detail


async def test_a_program_that_hangs_is_ended() -> None:
    reading = await run("import time; print('v1', flush=True); time.sleep(600)", timeout="300ms")
    assert reading == Reading(None, "the version's command had no end within 0.3 s")


async def test_a_program_that_floods_has_said_its_last_line() -> None:
    assert (await run("print('x' * 70 * 4096); print('v1')")).version == "v1"


async def test_a_program_that_is_not_there_is_said() -> None:
    reading = await read({"command": ["/nowhere/version"]})
    assert reading == Reading(None, "cannot start /nowhere/version: No such file or directory")


async def test_what_a_program_says_of_its_failure_holds_no_secret() -> None:
    reading = await run("raise SystemExit('token=c4nary')")
    assert reading.detail.endswith("ended with 1: token=***")


async def test_it_is_started_by_the_path_that_the_config_names() -> None:
    programs = StandInPrograms()
    tools = a_toolbox(programs=programs, executables={"git": "/opt/git"})
    proof = VersionProof(command=("git", "describe", "--tags"))
    await proof.read(tools)
    assert [ran.argv for ran in programs.ran] == [("/opt/git", "describe", "--tags")]
    assert proof.programs() == ("git",)


async def test_one_request_asks_and_nothing_is_sent_along() -> None:
    http = StandInHttp(Response(200, b'{"version": "v1"}'))
    proof = VersionProof.model_validate({"url": "http://h/version", "json": "version"})
    await proof.read(a_toolbox(http=http))
    (asked,) = http.asked
    assert (asked.method, asked.url, asked.body, asked.timeout) == (
        "GET",
        "http://h/version",
        None,
        5,
    )


async def test_the_outsides_own_words_are_the_reason() -> None:
    http = StandInHttp(OutsideError("GET http://h: no answer within 5 s"))
    reading = await read({"url": "http://h/version", "json": "version"}, http)
    assert reading == Reading(None, "GET http://h: no answer within 5 s")


# -- the processes


@contextmanager
def processes(*folders: Path) -> Iterator[list[int]]:
    """One in each folder."""
    code = "import sys; print(flush=True); sys.stdin.read()"
    started = [
        subprocess.Popen(
            [sys.executable, "-SIc", code],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for folder in folders
    ]
    try:
        for one in started:
            assert one.stdout is not None
            one.stdout.readline()
        yield [one.pid for one in started]
    finally:
        for one in started:
            one.communicate()


def releases_of(folder: Path, *versions: str) -> Path:
    releases = folder / "releases"
    for version in versions:
        (releases / version / "src").mkdir(parents=True)
    return releases


async def test_all_processes_in_the_folder_of_a_version_run_that_version(tmp_path: Path) -> None:
    releases = releases_of(tmp_path, "v1", "v2")
    with processes(releases / "v1", releases / "v1" / "src") as pids:
        assert (await read_cwd(pids, releases)).version == "v1"


async def test_a_process_runs_what_the_link_meant_when_it_was_started(tmp_path: Path) -> None:
    releases, link = releases_of(tmp_path, "v1", "v2"), tmp_path / "current"
    link.symlink_to(releases / "v1")
    with processes(link) as pids:
        link.unlink()
        link.symlink_to(releases / "v2")
        assert (await read_cwd(pids, releases)).version == "v1"


async def test_the_folder_of_all_releases_may_be_reached_by_a_link(tmp_path: Path) -> None:
    releases = releases_of(tmp_path / "there", "v1")
    (tmp_path / "here").symlink_to(tmp_path / "there")
    with processes(releases / "v1") as pids:
        assert (await read_cwd(pids, tmp_path / "here" / "releases")).version == "v1"


async def test_two_versions_at_once_are_none(tmp_path: Path) -> None:
    releases = releases_of(tmp_path, "v1", "v2")
    with processes(releases / "v1", releases / "v2") as pids:
        reading = await read_cwd(pids, releases)
    assert reading.divided
    assert reading.is_of("v1") is reading.is_of("v2") is False
    assert f"process {pids[1]} runs says v2" in reading.detail


@pytest.mark.parametrize("where", ["releases", "elsewhere"])
async def test_a_process_elsewhere_says_nothing(tmp_path: Path, where: str) -> None:
    releases = releases_of(tmp_path, "v1")
    (tmp_path / "elsewhere").mkdir()
    with processes(releases / "v1", tmp_path / where) as pids:
        reading = await read_cwd(pids, releases)
    assert reading.is_of("v1") is None
    assert "no version's folder" in reading.detail


async def test_a_version_whose_folder_was_deleted_may_still_run(tmp_path: Path) -> None:
    releases = releases_of(tmp_path, "v1")
    with processes(releases / "v1") as pids:
        (releases / "v1" / "src").rmdir()
        (releases / "v1").rmdir()
        assert (await read_cwd(pids, releases)).version == "v1"


@pytest.mark.parametrize("pids", [(), (2**22 + 1,)])
async def test_without_a_process_nothing_is_known(tmp_path: Path, pids: Sequence[int]) -> None:
    reading = await read_cwd(pids, releases_of(tmp_path, "v1"))
    assert reading.is_of("v1") is None


async def test_without_the_folder_of_all_releases_nothing_is_known(tmp_path: Path) -> None:
    assert (await read_cwd([os.getpid()], tmp_path / "gone")).is_of("v1") is None


# -- several proofs

V1, V2 = Reading("v1", "A says v1"), Reading("v2", "B says v2")
SILENT = Reading(None, "C is silent")
DIVIDED = Reading(None, "D is of two minds", divided=True)


def test_what_all_say_is_so() -> None:
    assert agreed([V1, V1]).is_of("v1") is True
    assert agreed([V1]).is_of("v2") is False


def test_one_that_cannot_be_asked_leaves_it_open() -> None:
    assert agreed([V1, SILENT]) == agreed([SILENT, V1]) == SILENT
    assert agreed([V1, SILENT]).is_of("v1") is None


def test_one_that_denies_it_outweighs_one_that_is_silent() -> None:
    for every in ([V1, V2, SILENT], [SILENT, V2, V1], [V1, DIVIDED, SILENT], [DIVIDED]):
        assert agreed(every).is_of("v1") is False
    assert agreed([V1, V2]).detail == "A says v1, but B says v2"


def test_nothing_to_ask_says_nothing() -> None:
    assert agreed([]).is_of("v1") is None


def test_two_words_for_one_version_are_no_contradiction() -> None:
    image = Reading("sha256:1", "the image", also=frozenset({"v1"}))
    both = agreed([image, V1])
    assert both.is_of("sha256:1") is True
    assert agreed([image, V2]).divided


# -- the config


@pytest.mark.parametrize(
    ("proof", "why"),
    [
        ({"url": "http://h/"}, "belong together"),
        ({"json": "version"}, "belong together"),
        ({"url": "http://h/", "json": "v", "command": ["/bin/true"]}, "either"),
        ({"url": "ftp://h/", "json": "v"}, "must be an address"),
        ({"url": "http://h/", "json": ""}, "must not be empty"),
        ({"command": []}, "must not be empty"),
        ({"command": ["./version"]}, "must begin with a program"),
        ({"command": ["/bin/true"], "timeout": "0"}, "greater than 0"),
        ({"cwd": True, "member": "version"}, "unknown key"),
    ],
)
def test_a_proof_that_makes_no_sense_is_refused(proof: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        VersionProof.model_validate(proof)


@pytest.mark.parametrize(
    "proof",
    [
        {"url": "http://h/v", "json": "build.version"},
        {"command": ["/bin/version", "--short"], "timeout": "2s"},
        {"cwd": True},
        {"url": "http://h/v", "json": "v", "cwd": True},
    ],
)
def test_a_proof_is_read_back_as_it_was_written(proof: dict[str, Any]) -> None:
    made = VersionProof.model_validate(proof)
    written = made.model_dump(mode="json", by_alias=True)
    assert VersionProof.model_validate(written) == made
