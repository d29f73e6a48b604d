"""pg_dump and pg_restore are believed only when nothing speaks against them, and what they say becomes a cure."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.backups.base import BackupError, Disproved, Ground
from receiver.backups.dump import beside, dump, run_tool, together, told
from receiver.backups.libpq import Login
from receiver.stores.postgres_store import PostgresFacet
from receiver.tools import Finished, OutsideError
from tests.receiver.backups.shops import facet_of
from tests.receiver.stand_ins import StandInPrograms, a_toolbox

CANARY = "c4nary5b2e"
POSTGRES = PostgresFacet.model_validate({"url": f"postgresql://u:{CANARY}@h/shop"})


def a_ground(
    ending: Finished | OutsideError, folder: Path = Path("/backups"), **keys: object
) -> tuple[Ground, StandInPrograms]:
    """Whose programs end so."""
    programs = StandInPrograms(ending)
    tools = a_toolbox(programs=programs)
    return Ground("db", facet_of(folder, **keys), POSTGRES, tools, 30.0), programs


async def failure(program: str, ending: Finished | OutsideError) -> BackupError:
    ground, _ = a_ground(ending)
    with pytest.raises(BackupError) as caught:
        await run_tool(ground, Login(""), [program])
    return caught.value


@pytest.mark.parametrize("program", ["pg_dump", "pg_restore"])
async def test_an_exit_code_of_zero_is_not_believed_beside_an_error(program: str) -> None:
    said = f"{program}: error: query failed: out of shared memory\n"
    error = await failure(program, Finished(0, said))
    assert "out of shared memory" in str(error)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "pg_dump: warning: there are circular foreign-key constraints on this table:\n",
        "pg_dump: last built-in OID is 16383\n",
        "a table named pg_dump: error: is none\n",
    ],
)
async def test_a_warning_is_no_error(said: str) -> None:
    ground, _ = a_ground(Finished(0, said))
    assert (await run_tool(ground, Login(""), ["pg_dump"])).output == said


@pytest.mark.parametrize(
    ("program", "said", "cure"),
    [
        ("pg_dump", "server version: 17.2; pg_dump version: 15.1; server version mismatch", "install the PostgreSQL client"),
        ("pg_dump", "permission denied for table orders", "GRANT pg_read_all_data"),
        ("pg_dump", "query would be affected by row-level security policy", "BYPASSRLS"),
        ("pg_dump", "could not write to output file: No space left on device", "make room"),
        ("pg_dump", "server closed the connection unexpectedly", "look at its log"),
        ("pg_restore", 'could not open extension control file: extension "x" is not available', "install the extension"),
        ("pg_restore", "permission denied to create extension", "a superuser must restore this: `drill_url`"),
        ("pg_restore", 'must be able to SET ROLE "seller"', "a member of every owner"),
        ("pg_restore", 'role "seller" does not exist', "make the role that is missing"),
    ],
)  # fmt: skip
async def test_what_postgresql_says_is_told_with_what_to_do(
    program: str, said: str, cure: str
) -> None:
    error = await failure(program, Finished(1, f"{program}: error: {said}\n"))
    assert said in str(error)
    assert cure in str(error)
    assert not isinstance(error, Disproved)


async def test_only_what_has_no_cure_on_the_server_speaks_against_the_file() -> None:
    broken = Finished(1, "pg_restore: error: could not read from input file: end of file\n")
    assert isinstance(await failure("pg_restore", broken), Disproved)
    assert not isinstance(
        await failure("pg_dump", replace(broken, output="pg_dump: error: x")), Disproved
    )


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (Finished(-9, ""), "pg_dump was killed by signal 9"),
        (Finished(3, ""), "pg_dump ended with 3"),
        (Finished(None, "half"), "pg_dump was ended after 30 s: give it more time"),
        (Finished(1, "something else entirely\n"), "ended with 1: something else entirely"),
    ],
)
async def test_how_it_ended_is_said(ending: Finished, said: str) -> None:
    assert said in str(await failure("pg_dump", ending))


async def test_a_program_that_is_not_there_is_said_with_where_to_get_it() -> None:
    error = await failure("pg_dump", OutsideError("pg_dump is not installed", sent=False))
    assert "Debian: postgresql-client" in str(error)
    assert "`executables`" in str(error)
    assert not error.started


async def test_a_program_that_repeats_the_password_is_not_repeated() -> None:
    said = f'pg_dump: error: connection to "postgresql://u:{CANARY}@h" failed\n'
    assert CANARY not in str(await failure("pg_dump", Finished(1, said)))


@given(st.text(min_size=1, max_size=3000))
async def test_whatever_it_says_is_told_on_one_short_line(text: str) -> None:
    error = str(await failure("pg_dump", Finished(1, f"pg_dump: error: x{text}")))
    assert "\n" not in error
    assert len(error) < 800


@pytest.mark.parametrize(
    ("jobs", "form"),
    [(1, ["--format=custom"]), (4, ["--format=directory", "--jobs=4"])],
)
async def test_the_snapshot_and_the_form_are_said_and_no_password(
    tmp_path: Path, jobs: int, form: list[str]
) -> None:
    ground, programs = a_ground(Finished(0, ""), tmp_path, jobs=jobs)
    known = Login("postgresql://u@h/shop", {"PGPASSFILE": "/run/pass"})
    await dump(ground, known, "00000003-1B", tmp_path / "x.partial")
    (ran,) = programs.ran
    assert list(ran.argv[1 : 1 + len(form)]) == form
    assert {"--no-password", "--snapshot=00000003-1B"} <= set(ran.argv)
    assert ran.env == {"PGPASSFILE": "/run/pass"}
    assert CANARY not in str(ran)


async def test_what_was_left_where_a_directory_goes_is_taken_away_before(tmp_path: Path) -> None:
    left = tmp_path / "x.partial"
    left.mkdir()
    (left / "toc.dat").write_text("old")
    ground, _ = a_ground(Finished(0, ""), tmp_path, jobs=2)
    await dump(ground, Login(""), "s", left)
    assert not left.exists()  # pg_dump makes it itself, and refuses one with something in it


async def test_how_far_it_is_is_told_while_it_goes_on(tmp_path: Path) -> None:
    said: list[str] = []
    enough = asyncio.Event()

    async def progress(text: str) -> None:
        said.append(text)
        if len(said) == 2:
            enough.set()

    ground, _ = a_ground(Finished(0, ""), tmp_path)
    ground = replace(ground, tools=replace(ground.tools, progress=progress))
    (tmp_path / "x").write_bytes(b"x" * 1_500_000)
    async with told(ground, tmp_path / "x"):
        await enough.wait()
    assert said[0] == "1.5 MB written"


async def test_of_two_that_go_on_together_one_that_fails_ends_the_other() -> None:
    ended = asyncio.Event()

    async def fails() -> None:
        raise BackupError("out of luck")

    async def goes_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    for first, second in ((fails, goes_on), (goes_on, fails)):
        ended.clear()
        with pytest.raises(BackupError, match="out of luck"):
            await together(first(), second())
        assert ended.is_set()


async def test_of_two_that_both_end_the_first_ones_answer_counts() -> None:
    async def answer(number: int, turns: int) -> int:
        for _ in range(turns):
            await asyncio.sleep(0)
        return number

    assert await together(answer(1, 0), answer(2, 9)) == 1
    assert await together(answer(1, 9), answer(2, 0)) == 1


async def test_what_is_done_beside_ends_with_the_block_and_its_failure_is_the_blocks() -> None:
    async def for_ever() -> None:
        await asyncio.Event().wait()

    async with beside(for_ever):
        await asyncio.sleep(0)

    async def fails() -> None:
        raise BackupError("nobody takes it")

    async def block() -> None:
        async with beside(fails):
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    with pytest.raises(BackupError, match="nobody takes it"):
        await block()
