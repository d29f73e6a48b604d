from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from exporter.kept import NoAnswerError
from exporter.pgbouncer.console import Address, Console, Rows, address, kept
from exporter.pgbouncer.messages import ConsoleError
from tests.exporter.probing.certificate import for_loopback
from tests.servers.pgbouncer import ENCODED, PASSWORD, USER, pgbouncer
from tests.servers.ports import connections_to, free_port

ON_SERVER = pytest.mark.server


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def versions(console: Console) -> list[Rows | ConsoleError]:
    return await console.ask("SHOW VERSION", "SHOW NONSENSE", "SHOW LISTS")


async def ask(url: str) -> list[Rows | ConsoleError]:
    link = kept(url)
    try:
        return await link.ask(versions, soon())
    finally:
        await link.close()


@ON_SERVER
@pytest.mark.parametrize("way", ["scram-sha-256", "md5", "plain", "trust"])
async def test_the_console_is_asked_however_it_wants_to_know_us(way: str) -> None:
    async with pgbouncer(auth_type=way) as pool:
        version, refused, lists = await ask(pool.url)
    assert not isinstance(version, ConsoleError)
    assert str(version[0]["version"]).startswith("PgBouncer")
    assert isinstance(refused, ConsoleError)
    assert not isinstance(lists, ConsoleError)
    assert "databases" in {row["list"] for row in lists}


@ON_SERVER
async def test_a_wrong_password_is_said_without_it() -> None:
    async with pgbouncer() as pool:
        with pytest.raises(NoAnswerError) as raised:
            await ask(pool.url.replace(ENCODED, "hunter2"))
    assert "hunter2" not in str(raised.value)
    assert PASSWORD not in str(raised.value)
    assert str(raised.value)


@ON_SERVER
async def test_the_console_is_asked_by_tls_and_by_a_socket_too(tmp_path: Path) -> None:
    certificate = for_loopback(tmp_path)
    async with pgbouncer(tls=(certificate.certificate, tmp_path / "key.pem")) as pool:
        for how in ("require", "prefer", f"verify-full&sslrootcert={certificate.certificate}"):
            (version, *_) = await ask(f"{pool.url}?sslmode={how}")
            assert not isinstance(version, ConsoleError)
        with pytest.raises(NoAnswerError, match="certificate"):
            await ask(f"{pool.url}?sslmode=verify-full")
        socket = f"postgresql:///pgbouncer?host={pool.folder}&port={pool.port}&user={USER}"
        (version, *_) = await ask(f"{socket}&password={ENCODED}")
        assert not isinstance(version, ConsoleError)


@ON_SERVER
async def test_tls_that_was_asked_for_is_not_done_without() -> None:
    async with pgbouncer() as pool:
        with pytest.raises(NoAnswerError, match="no TLS"):
            await ask(f"{pool.url}?sslmode=require")


@ON_SERVER
async def test_a_hanging_console_costs_one_connection() -> None:
    async with pgbouncer() as pool:
        link = kept(pool.url)
        await link.ask(versions, soon())
        pool.hang()
        for _ in range(50):
            with pytest.raises(NoAnswerError, match="in time"):
                await link.ask(versions, soon(0.01))
            assert connections_to(pool.port) == 1
        pool.wake()
        (version, *_) = await link.ask(versions, soon())
        assert not isinstance(version, ConsoleError)
        assert connections_to(pool.port) == 1
        await link.close()


async def test_nobody_listening_is_no_answer() -> None:
    with pytest.raises(NoAnswerError):
        await ask(f"postgresql://stats:hunter2@127.0.0.1:{free_port()}/pgbouncer")


def test_an_address_has_pgbouncers_defaults() -> None:
    found = address("postgresql://stats@pool")
    assert (found.host, found.port, found.database, found.tls) == (
        "pool", 6432, "pgbouncer", "prefer",
    )  # fmt: skip
    assert address("postgresql://a:p%40ss@[::1]:7000/x?sslmode=disable") == Address(
        "::1", 7000, "a", "p@ss", "x", "disable"
    )
    assert "hunter2" not in repr(address("postgresql://a:hunter2@h"))


@pytest.mark.parametrize("url", ["", "redis://h", "postgresql://h:0", "postgresql://h:99999"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"no console|Port|port"):
        address(url)


def test_tls_is_as_libpq_has_it() -> None:
    def context(mode: str, host: str = "h") -> ssl.SSLContext | None:
        return address(f"postgresql://a@{host}?sslmode={mode}").context()

    assert context("disable") is None
    required, full, authority = context("require"), context("verify-full"), context("verify-ca")
    assert required is not None
    assert full is not None
    assert authority is not None
    assert required.verify_mode == ssl.CERT_NONE
    assert (full.verify_mode, full.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (authority.verify_mode, authority.check_hostname) == (ssl.CERT_REQUIRED, False)
